// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/quit_p.h"
#include "supervision/heartbeat_p.h"
#include "supervision/supervisedinstance_p.h"
#include "supervision/supervisorcore_p.h"
#include "supervision/supervisorrecords_p.h"
#include <MicroIO/Supervisor>
#include <MicroIO/loop/timer.h>

#include <QPointer>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

namespace MicroIO::Detail {

/// What drives the decisions of SupervisorCore with instances, time and signals.
///
/// Everything is done by run(), one step after another, and each signal is a step of its own. Foreign code (factories,
/// slots) that calls back only adds to what is to be done; if it turns an event loop of its own, or blocks in stopJoin(), the
/// steps go on inside. So nothing that a step knows is true any more after it has called foreign code. What has happened
/// to instances arrives by the event loop, so that none is destroyed by a call of its own, and one that fails all the time leaves
/// the thread to others in between.
class SupervisorPrivate final : public StoppedOnQuit, private TimerEntry
{
public:
    using State = ServiceThread::State;
    using Factory = std::function<std::unique_ptr<SupervisedInstance>()>;

    struct Child
    {
        QString name;
        Factory factory;
        std::chrono::milliseconds heartbeatLimit{0};
        Supervisor::OnUnresponsive onUnresponsive = Supervisor::OnUnresponsive::Report;
        bool isSupervisor = false;
        std::shared_ptr<ServiceSlot> slot;
        std::unique_ptr<SupervisedInstance> prepared; // made before anything was started
        std::unique_ptr<SupervisedInstance> instance;
        quint64 incarnation = 0; // counts starts
        bool hadInstance = false;
        std::optional<Heartbeat> heartbeat;
        std::chrono::milliseconds uptime{0}; // of the last instance
    };

    explicit SupervisorPrivate(Supervisor *supervisor);
    ~SupervisorPrivate() override;

    static SupervisorPrivate &of(Supervisor &supervisor) { return *supervisor.d; }

    /// Throws WrongThreadError.
    void requireOwnThread(const char *function) const;
    /// Throws std::logic_error once started.
    void requireNotStarted(const char *function) const;

    void add(std::unique_ptr<Child> child, const ChildRules &childRules);
    void start();
    void stop(const QString &reason, StopLimit limit = {});
    /// Those that are to be stopped are told so at once.
    void hurry();
    /// Blocks; true if nothing is left alive.
    bool stopBlocking(QDeadlineTimer deadline);
    /// What has ended is destroyed now; not to be called by its own slots.
    void destroyRetired();
    /// Blocks until all that was told to stop has ended; false if \a until has passed before.
    bool blockUntilEnded(Deadline until);
    Factory factoryOf(const std::function<std::unique_ptr<ServiceThread>()> &factory);
    Factory factoryOf(const std::function<std::unique_ptr<Supervisor>()> &factory, const QString &name);
    Child *find(const QString &name) const;

    /// Calls a function of the state machine for the child of that name, and does what comes of it.
    bool command(const QString &name, const char *function, bool (SupervisorCore::*order)(ChildId, Deadline));

    /// As Supervisor::waitStarted().
    static QCoro::Task<> waitStarted(std::shared_ptr<SupervisorRecords> records, QString name,
                                     CancelScope scope);
    static QCoro::Task<bool> stopJoin(QPointer<Supervisor> supervisor, CancelScope scope);
    QCoro::Task<> stopForQuit(CancelScope limited) override;
    bool livesInApplicationThread() const override;

    const std::shared_ptr<SupervisorRecords> records = std::make_shared<SupervisorRecords>();
    SupervisorCore core;
    bool isBelowAnother = false; // which stops us

private:
    struct News
    {
        ChildId child;
        quint64 incarnation;
        State state;
        ChildEnd refusal = {}; // of a factory
    };

    void expired() override;
    void pumpSoon();
    void pump();
    void run();
    bool step();
    void rearm();
    void deliverAll();
    void tell(std::function<void()> signal);
    void take(const News &news);
    void look(Deadline moment);
    void carryOut(const SupervisorOrders::Order &order);
    void recordWanted(ChildId id);
    void recordSweep(const SupervisorAction &action);
    void report(const SupervisorAction &action);
    void perform(const SupervisorAction &action);
    void startChild(const SupervisorAction &action);
    void launch(const SupervisorAction &action);
    void stopChild(const SupervisorAction &action);
    void setAside(const SupervisorAction &action);
    void finish();
    void setState(State state, const std::exception_ptr &error = {});
    template<typename T>
    std::unique_ptr<T> receive(const std::function<std::unique_ptr<T>()> &factory);
    bool prepareAll();
    std::unique_ptr<SupervisedInstance> make(const Child &child);
    void retire(Child &child, const ChildEnd &end);
    void dropQuiet();
    void lookAfter(ChildId id, Child &child);
    void setLate(ChildId id, Child &child, bool isLate);

    // Words: in supervisortexts.cpp.
    QString displayName() const;
    QString nameOf(ChildId id) const;
    QString reasonText(const SupervisorAction &action) const;
    QString stopText(SupervisorAction::Reason reason) const;
    QString verdictText(const SupervisorAction &action) const;
    std::exception_ptr endError() const;

    Supervisor *const q;
    std::map<ChildId, std::unique_ptr<Child>> m_children;
    QHash<QString, ChildId> m_ids;
    QHash<QString, std::weak_ptr<ServiceSlot>>
        m_slots; // a service that comes again is the same for who has a reference
    ChildId m_lastId = 0;
    std::unordered_set<const QObject *> m_instances; // all that factories gave and that live
    std::deque<std::function<void()>> m_signals; // to be emitted, before anything else is done
    std::optional<SupervisorAction> m_launch; // the Start of what has been made, and told of
    std::deque<SupervisorAction> m_actions;
    std::deque<News> m_news;
    size_t m_newsDue = 0; // how many of them have come by the event loop
    std::vector<std::unique_ptr<SupervisedInstance>> m_retired;
    DueQueue m_looks; // at heartbeats
    QString m_stopReason;
    bool m_isTimeDue = false;
    bool m_isPumpPosted = false;
    bool m_isPreparing = false; // factories are called, and nothing is done meanwhile
    int m_depth = 0; // of steps that call foreign code
};

} // namespace MicroIO::Detail
