// SPDX-License-Identifier: Apache-2.0
#include "loop/presence_p.h"

#include "loop/clock_p.h"

#include <QThread>

#include <mutex>
#include <unordered_set>

namespace MicroIO::Detail {

namespace {

struct PresentThreads
{
    std::mutex mutex;
    std::unordered_set<const Presence *> present; // guarded by mutex
};

PresentThreads &presentThreads()
{
    static auto *instance = new PresentThreads; // never destroyed: threads may outlive main()
    return *instance;
}

} // namespace

Presence::Presence(QThread *thread, const QString &name)
    : m_thread(thread)
    , m_name(name)
{
    enter();
}

Presence::Presence(const QString &name)
    : m_name(name)
{
    enter();
}

void Presence::enter()
{
    auto &r = presentThreads();
    const std::lock_guard lock(r.mutex);
    r.present.insert(this);
}

Presence::~Presence()
{
    {
        auto &r = presentThreads();
        const std::lock_guard lock(r.mutex);
        r.present.erase(this);
    }
    ClockSource::tellActivity();
}

QStringList Presence::running(const std::function<bool(QThread *)> &isElsewhere)
{
    auto &r = presentThreads();
    const std::lock_guard lock(r.mutex);
    QStringList names;
    for (const auto *each : r.present) {
        if (!each->m_thread || (each->m_thread->isRunning() && !isElsewhere(each->m_thread)))
            names += each->m_name;
    }
    return names;
}

} // namespace MicroIO::Detail
