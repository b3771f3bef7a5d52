// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisor_p.h"

#include "loop/logging_p.h"
#include "loop/scheduler_p.h"
#include "scopes/errors_p.h"

#include <QCoreApplication>

#include <algorithm>

namespace MicroIO::Detail {

using namespace std::chrono_literals;
using Kind = SupervisorAction::Kind;

SupervisorPrivate::SupervisorPrivate(Supervisor *supervisor)
    : q(supervisor)
{
    enlist();
}

SupervisorPrivate::~SupervisorPrivate()
{
    delist();
    if (isArmed())
        Scheduler::currentOrNull()->removeTimer(this);
    m_retired.clear();
    m_children.clear();
}

void SupervisorPrivate::requireOwnThread(const char *function) const
{
    if (QThread::currentThread() == q->thread())
        return;
    throw WrongThreadError(
        QStringLiteral("%1 of supervisor %2 from another thread than its own; post it there")
            .arg(QString::fromLatin1(function), displayName()));
}

void SupervisorPrivate::requireNotStarted(const char *function) const
{
    requireOwnThread(function);
    if (core.phase() == SupervisorCore::Phase::Idle)
        return;
    throw std::logic_error(QStringLiteral("%1 of supervisor %2 after start(); set it up before")
                               .arg(QString::fromLatin1(function), displayName())
                               .toStdString());
}

SupervisorPrivate::Child *SupervisorPrivate::find(const QString &name) const
{
    const auto found = m_children.find(m_ids.value(name));
    return found == m_children.end() ? nullptr : found->second.get();
}

void SupervisorPrivate::add(std::unique_ptr<Child> child, const ChildRules &childRules)
{
    const ChildId id = ++m_lastId;
    if (m_slots.size() > 2 * m_ids.size() + 16)
        m_slots.removeIf([](const auto &each) { return each.value().expired(); });
    child->slot = m_slots.value(child->name).lock();
    if (!child->slot) {
        child->slot = std::make_shared<ServiceSlot>(child->name);
        m_slots.insert(child->name, child->slot);
    }
    m_ids.insert(child->name, id);
    records->add(id, child->name, child->isSupervisor);
    m_children.emplace(id, std::move(child));
    core.add(id, childRules, now());
    tell([this] { Q_EMIT q->servicesChanged(); });
    pump();
}

bool SupervisorPrivate::command(const QString &name, const char *function,
                                bool (SupervisorCore::*order)(ChildId, Deadline))
{
    requireOwnThread(function);
    const ChildId id = m_ids.value(name);
    if (!(core.*order)(id, now()))
        return false;
    recordWanted(id);
    pump();
    return true;
}

/// The same for another thread, which has waited until there was nothing else to do.
void SupervisorPrivate::carryOut(const SupervisorOrders::Order &order)
{
    SupervisorOrders::Reply reply;
    if (const auto before = records->snapshot(order.child)) {
        reply.starts = before->starts;
        reply.ends = before->ends;
        reply.isRunning = before->isUp()
                          && (before->info.state == State::Starting || before->info.state == State::Running);
    }
    reply.isAccepted = (core.*order.what)(order.child, now());
    recordWanted(order.child);
    order.answer(reply);
}

void SupervisorPrivate::recordWanted(ChildId id)
{
    records->setWanted(id, core.isWanted(id));
}

void SupervisorPrivate::start()
{
    if (core.phase() != SupervisorCore::Phase::Idle || m_isPreparing) {
        qCCritical(logService).noquote()
            << QStringLiteral("Supervisor %1 was started a second time; a supervisor runs once.")
                   .arg(displayName());
        return;
    }
    if (!Scheduler::current()) {
        throw WrongThreadError(QStringLiteral(
            "start() of a supervisor on a thread without an event loop; create the application first"));
    }
    const QPointer<Supervisor> alive(q);
    m_isPreparing = true;
    const bool isPrepared = prepareAll();
    if (!alive)
        return;
    m_isPreparing = false;
    records->orders->open([this] { pump(); });
    if (isPrepared && core.phase() == SupervisorCore::Phase::Idle) {
        setState(State::Starting);
        core.start(now());
    }
    pump();
}

/// All factories are called before anything is started; false, with all refused, if one has failed.
bool SupervisorPrivate::prepareAll()
{
    const QPointer<Supervisor> alive(q);
    for (auto next = m_children.begin(); next != m_children.end(); ++next) {
        const ChildId id = next->first;
        try {
            auto instance = make(*next->second);
            if (!alive)
                return false;
            next->second->prepared = std::move(instance);
        } catch (...) {
            if (!alive)
                return false;
            for (auto &[other, child] : m_children)
                child->prepared.reset();
            const auto error = std::current_exception();
            records->setFailed(id, error);
            core.refuseStart(id, childEnd(error));
            return false;
        }
    }
    return true;
}

std::unique_ptr<SupervisedInstance> SupervisorPrivate::make(const Child &child)
{
    const auto what =
        (child.isSupervisor ? QStringLiteral("supervisor %1") : QStringLiteral("service %1")).arg(child.name);
    const auto factory = child.factory; // which may destroy us
    const bool needsLoop = child.heartbeatLimit > 0ms;
    try {
        auto instance = factory();
        if (needsLoop && !dynamic_cast<LoopServiceThread *>(instance->service())) {
            throw std::invalid_argument(
                "it gave a service that is no LoopServiceThread, and has a heartbeat limit");
        }
        return instance;
    } catch (...) {
        throwWithCause(ServiceError(QStringLiteral("the factory of %1 has failed").arg(what)),
                       std::current_exception());
    }
}

/// What a factory gives, unless it is nothing or not new.
template<typename T>
std::unique_ptr<T> SupervisorPrivate::receive(const std::function<std::unique_ptr<T>()> &factory)
{
    const QPointer<Supervisor> alive(q);
    auto made = factory();
    if (!alive)
        throw std::runtime_error("it has destroyed the supervisor");
    if (!made)
        throw std::invalid_argument("it gave nothing");
    if (!m_instances.insert(made.get()).second) {
        static_cast<void>(made.release()); // it belongs to us already
        throw std::invalid_argument("it gave what it has given before; it is to make a new one each time");
    }
    QObject::connect(made.get(), &QObject::destroyed, q,
                     [this](const QObject *gone) { m_instances.erase(gone); });
    return made;
}

SupervisorPrivate::Factory SupervisorPrivate::factoryOf(
    const std::function<std::unique_ptr<ServiceThread>()> &factory)
{
    const auto shared = std::make_shared<std::function<std::unique_ptr<ServiceThread>()>>(
        factory); // it may have a state
    return [this, shared] { return superviseService(receive(*shared)); };
}

SupervisorPrivate::Factory SupervisorPrivate::factoryOf(
    const std::function<std::unique_ptr<Supervisor>()> &factory, const QString &name)
{
    const auto shared = std::make_shared<std::function<std::unique_ptr<Supervisor>()>>(factory);
    return [this, shared, name] { return superviseSupervisor(receive(*shared), name); };
}

void SupervisorPrivate::stop(const QString &reason, StopLimit limit)
{
    if (core.phase() < SupervisorCore::Phase::Stopping)
        m_stopReason = reason.isEmpty() ? QStringLiteral("its supervisor was stopped") : reason;
    core.stop(now(), limit);
    pump();
}

void SupervisorPrivate::hurry()
{
    core.hurry(now());
    const QPointer<Supervisor> alive(q);
    run();
    if (!alive)
        return;
    std::vector<QPointer<Supervisor>> below;
    for (const auto &[id, child] : m_children) {
        if (child->instance && child->instance->supervisor())
            below.emplace_back(child->instance->supervisor());
    }
    for (const auto &each : below) {
        if (each)
            of(*each).hurry();
    }
}

bool SupervisorPrivate::stopBlocking(QDeadlineTimer deadline)
{
    const QPointer<Supervisor> alive(q);
    Deadline limit = Deadline::max();
    if (!deadline.isForever())
        limit = deadlineAfter(std::chrono::nanoseconds(deadline.remainingTimeNSecs()));
    stop({}, {limit, limit});
    if (!alive || !blockUntilEnded(Deadline::max()))
        return false;
    destroyRetired();
    return !records->hasDeaf();
}

bool SupervisorPrivate::blockUntilEnded(Deadline until)
{
    const QPointer<Supervisor> alive(q);
    for (;;) {
        m_newsDue = m_news.size();
        run();
        if (!alive)
            return false;
        if (core.phase() == SupervisorCore::Phase::Ended)
            return true;
        const ChildId id = core.awaited();
        const auto awaited = m_children.find(id);
        auto *instance = awaited == m_children.end() ? nullptr : awaited->second->instance.get();
        if (!instance || instance->isIdle()) {
            core.ended(id, {}, now()); // the factory, or a slot that was told of it, has called us
            continue;
        }
        const Deadline due = core.due();
        if (due > now() && instance->waitEnded(std::min(due, until)))
            continue;
        if (!alive)
            return false;
        if (until < due && until <= now())
            return false;
        // Who has ended in time is not deaf.
        deliverAll();
        m_newsDue = m_news.size();
        run();
        if (!alive)
            return false;
        if (due <= std::min(core.due(), until))
            core.timeout(std::max(now(), due));
    }
}

/// What instances have to tell is told now.
void SupervisorPrivate::deliverAll()
{
    for (const auto &[id, child] : m_children) {
        if (child->instance)
            child->instance->deliver();
    }
}

void SupervisorPrivate::expired()
{
    m_isTimeDue = true;
    pumpSoon();
}

void SupervisorPrivate::pumpSoon()
{
    if (std::exchange(m_isPumpPosted, true))
        return;
    QMetaObject::invokeMethod(
        q,
        [this] {
            m_isPumpPosted = false;
            m_newsDue = m_news.size();
            run();
        },
        Qt::QueuedConnection);
}

/// Does what there is to do, unless foreign code that we have called asks for it: then when that has returned, or turns the
/// event loop.
void SupervisorPrivate::pump()
{
    if (m_depth > 0 || m_isPreparing)
        pumpSoon();
    else
        run();
}

void SupervisorPrivate::run()
{
    if (m_isPreparing)
        return;
    const QPointer<Supervisor> alive(q);
    for (bool isBusy = true; isBusy;) {
        ++m_depth;
        isBusy = step();
        if (!alive)
            return;
        --m_depth;
    }
    rearm();
}

/// False if there is nothing to do.
bool SupervisorPrivate::step()
{
    for (const auto &action : core.takeActions())
        m_actions.push_back(action);
    if (!m_signals.empty()) {
        const auto signal = std::move(m_signals.front());
        m_signals.pop_front();
        signal();
    } else if (m_launch) {
        launch(*std::exchange(m_launch, std::nullopt));
    } else if (!m_actions.empty()) {
        const auto action = m_actions.front();
        m_actions.pop_front();
        perform(action);
    } else if (m_newsDue > 0) {
        --m_newsDue;
        const auto news = m_news.front();
        m_news.pop_front();
        take(news);
    } else if (std::exchange(m_isTimeDue, false)) {
        look(now());
    } else if (const auto order = records->orders->take()) {
        carryOut(*order);
    } else {
        return false;
    }
    return true;
}

void SupervisorPrivate::tell(std::function<void()> signal)
{
    m_signals.push_back(std::move(signal));
}

void SupervisorPrivate::rearm()
{
    if (auto *scheduler = Scheduler::current())
        scheduler->setTimer(this, std::min(core.due(), m_looks.earliest()));
}

/// What an instance has told.
void SupervisorPrivate::take(const News &news)
{
    const auto found = m_children.find(news.child);
    if (found == m_children.end() || found->second->incarnation != news.incarnation)
        return;
    Child &child = *found->second;
    if (news.refusal.error) {
        child.uptime = 0ms;
        records->setFailed(news.child, news.refusal.error);
        core.ended(news.child, news.refusal, now());
        recordWanted(news.child);
    } else if (!child.instance) {
        return;
    } else if (news.state == State::Running) {
        if (core.ready(news.child, now()))
            lookAfter(news.child, child);
    } else if (news.state == State::Stopped || news.state == State::Failed) {
        const auto end = child.instance->end();
        retire(child, end);
        setLate(news.child, child, false);
        if (end.error)
            records->setLastError(news.child, describe(end.error));
        core.ended(news.child, end, now());
        records->setEnded(news.child, core.isWanted(news.child));
    }
    tell([this, name = child.name, state = news.state] { Q_EMIT q->serviceStateChanged(name, state); });
}

/// Something is due.
void SupervisorPrivate::look(Deadline moment)
{
    if (core.due() <= moment)
        core.timeout(moment);
    while (const auto id = m_looks.take(moment)) {
        const auto found = m_children.find(*id);
        if (found == m_children.end() || !found->second->heartbeat)
            continue;
        Child &child = *found->second;
        const auto lag = child.heartbeat->look(now());
        m_looks.set(*id, child.heartbeat->nextLook());
        setLate(*id, child, child.heartbeat->isLate());
        if (!lag)
            continue;
        qCWarning(logService).noquote()
            << QStringLiteral("The event loop of service %1 has not answered for %2 ms.")
                   .arg(child.name)
                   .arg(lag->count());
        if (child.onUnresponsive == Supervisor::OnUnresponsive::Replace) {
            core.unresponsive(
                *id,
                std::make_exception_ptr(TimeoutError(
                    QStringLiteral("its event loop has not answered for %1 ms").arg(lag->count()))),
                moment);
        }
        tell([this, name = child.name, lag = *lag] { Q_EMIT q->serviceUnresponsive(name, lag); });
    }
}

void SupervisorPrivate::lookAfter(ChildId id, Child &child)
{
    if (child.heartbeatLimit <= 0ms)
        return;
    auto *loop = dynamic_cast<LoopServiceThread *>(child.instance->service());
    child.heartbeat.emplace(*loop, child.heartbeatLimit, now());
    m_looks.set(id, child.heartbeat->nextLook());
}

void SupervisorPrivate::setLate(ChildId id, Child &child, bool isLate)
{
    if (child.heartbeatLimit > 0ms)
        records->setLate(id, isLate);
}

/// The instance has ended; it is destroyed when nothing of it is on the stack.
void SupervisorPrivate::retire(Child &child, const ChildEnd &end)
{
    child.uptime = child.instance->uptime();
    child.heartbeat.reset();
    child.slot->empty(end.error);
    child.instance->letGo(q);
    if (auto *thread = child.instance->service())
        QObject::connect(
            thread, &QThread::finished, q, [this] { dropQuiet(); }, Qt::QueuedConnection);
    if (auto *supervisor = child.instance->supervisor())
        records->inherit(*of(*supervisor).records);
    m_retired.push_back(std::move(child.instance));
    QMetaObject::invokeMethod(
        q, [this] { dropQuiet(); }, Qt::QueuedConnection); // if it has finished already
}

void SupervisorPrivate::destroyRetired()
{
    const auto destroyed = std::exchange(m_retired, {});
}

void SupervisorPrivate::dropQuiet()
{
    const auto kept = std::partition(m_retired.begin(), m_retired.end(),
                                     [](const auto &each) { return !each->isQuiet(); });
    std::vector<std::unique_ptr<SupervisedInstance>> dropped(std::make_move_iterator(kept),
                                                             std::make_move_iterator(m_retired.end()));
    m_retired.erase(kept, m_retired.end()); // foreign destructors run after that
}

QCoro::Task<> SupervisorPrivate::waitStarted(std::shared_ptr<SupervisorRecords> records, QString name,
                                             CancelScope scope)
{
    co_await records->started.closed(scope);
    if (records->ended.isClosed() && !records->started.isFailed()) {
        throwWithCause(ServiceError(QStringLiteral("supervisor %1 has ended").arg(name)),
                       records->ended.exception());
    }
    if (!records->started.isFailed())
        co_return;
    try {
        std::rethrow_exception(records->started.exception());
    } catch (const ServiceError &) {
        throw;
    } catch (...) {
        std::throw_with_nested(ServiceError(QStringLiteral("supervisor %1 has not become ready").arg(name)));
    }
}

QCoro::Task<bool> SupervisorPrivate::stopJoin(QPointer<Supervisor> supervisor, CancelScope scope)
{
    const auto records = of(*supervisor).records;
    of(*supervisor).stop({}, {scope.deadline(), scope.deadline()});
    std::exception_ptr cancelled;
    try {
        co_await records->ended.closed(scope);
    } catch (const Cancelled &) {
        cancelled = std::current_exception();
    }
    if (cancelled && !scope.timedOut()) {
        if (supervisor)
            of(*supervisor).hurry();
        std::rethrow_exception(cancelled);
    }
    if (supervisor) {
        of(*supervisor).stop({}, {now(), now()}); // what lives still is deaf
        of(*supervisor).destroyRetired();
    }
    co_return !cancelled && !records->hasDeaf();
}

QCoro::Task<> SupervisorPrivate::stopForQuit(CancelScope limited)
{
    auto stopping = stopJoin(q, std::move(limited));
    co_await stopping;
}

bool SupervisorPrivate::livesInApplicationThread() const
{
    const auto *app = QCoreApplication::instance();
    return app && q->thread() == app->thread() && !isBelowAnother; // in this order: it belongs to its thread
}

} // namespace MicroIO::Detail
