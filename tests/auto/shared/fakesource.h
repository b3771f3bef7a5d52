// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "status/incidentsource_p.h"
#include "status/servicesource_p.h"

#include <MicroIO/Errors>

#include <QList>
#include <QString>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>

namespace Tests {

/// A service that never was, for the models: a test says what is told of it. Any thread.
class FakeEntry final : public MicroIO::Detail::ServiceEntry
{
public:
    using State = MicroIO::ServiceStatus::State;

    explicit FakeEntry(const QString &name)
        : m_name(name)
    {
        m_facts.state = State::Idle;
    }

    /// Changes what is told, and tells that it has.
    template<typename Change>
    void change(const Change &change)
    {
        {
            const std::lock_guard lock(m_mutex);
            change(m_facts);
        }
        m_changes->notify();
    }
    void setState(State state)
    {
        change([state](auto &facts) { facts.state = state; });
    }
    /// Silently, as figures do.
    void setQueued(qint64 queued) { m_queued = queued; }
    int timesLookedAt() const { return m_looks; }
    int timesFiguresRead() const { return m_figureReads; }

    QString name() const override { return m_name; }
    std::shared_ptr<MicroIO::Detail::ChangeListeners> changes() const override { return m_changes; }
    MicroIO::Detail::ServiceFacts facts() const override
    {
        ++m_looks;
        const std::lock_guard lock(m_mutex);
        return m_facts;
    }
    MicroIO::Detail::FigureFacts figures() const override
    {
        ++m_figureReads;
        return {0, 0, m_queued, 0};
    }

    QCoro::Task<> start(MicroIO::CancelScope scope) override
    {
        change([](auto &facts) { facts.state = State::Starting; });
        co_await scope.cancelled();
    }
    QCoro::Task<> stop(MicroIO::CancelScope) override { co_return; }
    QCoro::Task<> restart(MicroIO::CancelScope) override
    {
        change([](auto &facts) { ++facts.restartCount; });
        co_return;
    }

private:
    const QString m_name;
    const std::shared_ptr<MicroIO::Detail::ChangeListeners> m_changes =
        std::make_shared<MicroIO::Detail::ChangeListeners>();
    mutable std::atomic<int> m_looks = 0;
    mutable std::atomic<int> m_figureReads = 0;
    std::atomic<qint64> m_queued = 0;
    mutable std::mutex m_mutex;
    MicroIO::Detail::ServiceFacts m_facts; // guarded by m_mutex
};

/// A list of such services. Any thread.
class FakeSource final : public MicroIO::Detail::ServiceSource
{
public:
    std::shared_ptr<FakeEntry> add(const QString &name, qsizetype place = -1)
    {
        auto entry = std::make_shared<FakeEntry>(name);
        arrange([&](auto &all) { all.insert(place < 0 ? all.end() : all.begin() + place, entry); });
        return entry;
    }
    /// Changes the list, and tells that it has.
    template<typename Change>
    void arrange(const Change &change)
    {
        {
            const std::lock_guard lock(m_mutex);
            change(m_entries);
        }
        m_changes->notify();
    }

    MicroIO::Detail::ServiceEntries entries() const override
    {
        const std::lock_guard lock(m_mutex);
        return m_entries;
    }
    std::shared_ptr<MicroIO::Detail::ChangeListeners> changes() const override { return m_changes; }

private:
    const std::shared_ptr<MicroIO::Detail::ChangeListeners> m_changes =
        std::make_shared<MicroIO::Detail::ChangeListeners>();
    mutable std::mutex m_mutex;
    MicroIO::Detail::ServiceEntries m_entries; // guarded by m_mutex
};

/// Incidents that never were, of which the last few are kept. Any thread.
class FakeIncidents final : public MicroIO::Detail::IncidentSource
{
public:
    static constexpr size_t kept = 5;

    void add(const QString &service, const QString &cause = {})
    {
        {
            const std::lock_guard lock(m_mutex);
            m_incidents.push_back({++m_last, {}, service, cause, {}, 0});
            if (m_incidents.size() > kept)
                m_incidents.erase(m_incidents.begin());
        }
        m_changes->notify();
    }
    void clear()
    {
        {
            const std::lock_guard lock(m_mutex);
            m_incidents.clear();
        }
        m_changes->notify();
    }

    std::vector<MicroIO::Detail::IncidentFacts> incidents() const override
    {
        const std::lock_guard lock(m_mutex);
        return m_incidents;
    }
    std::shared_ptr<MicroIO::Detail::ChangeListeners> changes() const override { return m_changes; }

private:
    const std::shared_ptr<MicroIO::Detail::ChangeListeners> m_changes =
        std::make_shared<MicroIO::Detail::ChangeListeners>();
    mutable std::mutex m_mutex;
    quint64 m_last = 0; // guarded by m_mutex
    std::vector<MicroIO::Detail::IncidentFacts> m_incidents; // guarded by m_mutex
};

} // namespace Tests
