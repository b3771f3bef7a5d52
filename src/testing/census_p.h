// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scopes/observer_p.h"

#include <QHash>
#include <QString>
#include <QStringList>

#include <mutex>

namespace MicroIO::Detail {

/// Cancels a scope at one of the waits that begin on it or below. Counts them all.
struct WaitCounter
{
    ScopeState *root = nullptr;
    int target = 0;
    int count = 0; // guarded by the census's mutex
    QString where; // guarded by the census's mutex: what was waited for at the target
};

/// Counts the living tasks, and waits as they begin, while somebody is interested. One for the process, never destroyed.
class Census final : public Observer
{
public:
    static Census &instance();

    /// They nest; any thread.
    void begin();
    void end();

    /// The tasks that have been started since \a since and have not ended.
    QStringList livingSince(quint64 since) const;
    /// For livingSince(): now.
    quint64 moment() const;

    /// \a counter is told of waits until it is taken out by nullptr.
    void setCounter(WaitCounter *counter);

    void waitBegins(const ScopedWait &wait) override;
    void taskAdopted(const ScopeState &task) override;
    void taskSettled(const ScopeState &task) override;

private:
    struct Task
    {
        quint64 number;
        QString name;
    };

    mutable std::mutex m_mutex;
    int m_users = 0; // guarded by m_mutex, as all that follows
    quint64 m_lastNumber = 0;
    QHash<const ScopeState *, Task> m_tasks;
    WaitCounter *m_counter = nullptr;
};

} // namespace MicroIO::Detail
