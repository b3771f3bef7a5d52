// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QString>
#include <QStringList>

#include <functional>

class QThread;

namespace MicroIO::Detail {

/// Something of the library that runs outside every event loop that it knows: while there is one, a test's clock
/// stands still. Any thread.
class MICROIO_EXPORT Presence
{
public:
    /// A thread, from its start until it has an event loop, and again from the end of that to its own; not while it is
    /// blocked in blockUntil(). Called \a what, with \a name in the place of its %1.
    Presence(QThread *thread, const QString &what, const QString &name);
    /// Work on a foreign thread, called \a what.
    explicit Presence(const QString &what);
    ~Presence();
    Q_DISABLE_COPY_MOVE(Presence)

    /// The names of those that run now. \a isElsewhere tells of a thread whether it is known otherwise: blocked, or by its
    /// event loop.
    static QStringList running(const std::function<bool(QThread *)> &isElsewhere);

private:
    void enter();
    QString displayName() const { return m_thread ? m_what.arg(m_name) : m_what; }

    QThread *const m_thread = nullptr;
    const QString m_what; // not put together before somebody asks
    const QString m_name;
};

} // namespace MicroIO::Detail
