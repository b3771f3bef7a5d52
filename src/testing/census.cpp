// SPDX-License-Identifier: Apache-2.0
#include "testing/census_p.h"

#include <MicroIO/scopes/scopedwait.h>

#include <algorithm>
#include <vector>

namespace MicroIO::Detail {

Census &Census::instance()
{
    static auto *instance = new Census;
    return *instance;
}

void Census::begin()
{
    const std::lock_guard lock(m_mutex);
    if (m_users++ == 0)
        install(this);
}

void Census::end()
{
    const std::lock_guard lock(m_mutex);
    if (--m_users > 0)
        return;
    install(nullptr);
    m_tasks.clear();
}

quint64 Census::moment() const
{
    const std::lock_guard lock(m_mutex);
    return m_lastNumber;
}

QStringList Census::livingSince(quint64 since) const
{
    std::vector<Task> found;
    {
        const std::lock_guard lock(m_mutex);
        std::copy_if(m_tasks.cbegin(), m_tasks.cend(), std::back_inserter(found),
                     [since](const Task &task) { return task.number > since; });
    }
    std::sort(found.begin(), found.end(), [](const Task &a, const Task &b) { return a.number < b.number; });
    QStringList names;
    for (const auto &task : found)
        names += task.name;
    return names;
}

void Census::setCounter(WaitCounter *counter)
{
    const std::lock_guard lock(m_mutex);
    m_counter = counter;
}

void Census::waitBegins(const ScopedWait &wait)
{
    Ref<ScopeState> cancelled;
    {
        const std::lock_guard lock(m_mutex);
        if (!m_counter)
            return;
        const ScopeState *scope = &wait.scope();
        while (scope && scope != m_counter->root)
            scope = scope->parent();
        if (!scope || ++m_counter->count != m_counter->target)
            return;
        m_counter->where =
            QStringLiteral("%1, in %2").arg(QString::fromLatin1(wait.waitsFor()), wait.scope().taskName());
        cancelled = Ref<ScopeState>(m_counter->root);
    }
    cancelled->cancel(QStringLiteral("cancelled at a wait, by cancelAtEveryWait()"));
}

void Census::taskAdopted(const ScopeState &task)
{
    const QString name = task.taskName();
    const std::lock_guard lock(m_mutex);
    m_tasks.insert(&task, {++m_lastNumber, name});
}

void Census::taskSettled(const ScopeState &task)
{
    const std::lock_guard lock(m_mutex);
    m_tasks.remove(&task);
}

} // namespace MicroIO::Detail
