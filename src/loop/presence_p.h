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
    /// blocked in blockUntil().
    Presence(QThread *thread, const QString &name);
    /// Work on a foreign thread.
    explicit Presence(const QString &name);
    ~Presence();
    Q_DISABLE_COPY_MOVE(Presence)

    /// The names of those that run now. \a isElsewhere tells of a thread whether it is known otherwise: blocked, or by its
    /// event loop.
    static QStringList running(const std::function<bool(QThread *)> &isElsewhere);

private:
    void enter();

    QThread *const m_thread = nullptr;
    const QString m_name;
};

} // namespace MicroIO::Detail
