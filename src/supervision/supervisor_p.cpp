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
}

SupervisorPrivate::~SupervisorPrivate()
{
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
    child->slot = m_slots.value(child->name).lock();
    if (!child->slot) {
        child->slot = std::make_shared<ServiceSlot>(child->name);
        m_slots.insert(child->name, child->slot);
    }
    m_ids.insert(child->name, id);
    records->add(id, child->name, child->isSupervisor);
    m_children.emplace(id, std::move(child));
    core.add(id, childRules, now());
    const QPointer<Supervisor> alive(q);
    Q_EMIT q->servicesChanged();
    if (alive)
        pump();
}

bool SupervisorPrivate::command(const QString &name, const char *function,
                                bool (SupervisorCore::*order)(ChildId, Deadline))
{
    requireOwnThread(function);
    if (!(core.*order)(m_ids.value(name), now()))
        return false;
    pump();
    return true;
}

void SupervisorPrivate::start()
{
    if (core.phase() != SupervisorCore::Phase::Idle) {
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
    m_isPumping = true; // what factories ask for waits
    const bool isPrepared = prepareAll();
    if (!alive)
        return;
    m_isPumping = false;
    if (isPrepared && core.phase() == SupervisorCore::Phase::Idle) {
        setState(State::Starting);
        if (!alive)
            return;
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
            records->setFailed(id);
            core.refuseStart(id, childEnd(std::current_exception()));
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

void SupervisorPrivate::stop(const QString &reason, Deadline limit)
{
    if (core.phase() < SupervisorCore::Phase::Stopping)
        m_stopReason = reason.isEmpty() ? QStringLiteral("its supervisor was stopped") : reason;
    core.stop(now(), limit);
    pump();
}

void SupervisorPrivate::hurry()
{
    core.hurry(now());
    pump();
}

bool SupervisorPrivate::stopBlocking(QDeadlineTimer deadline)
{
    const QPointer<Supervisor> alive(q);
    const auto limit = deadline.isForever()
                           ? Deadline::max()
                           : deadlineAfter(std::chrono::nanoseconds(deadline.remainingTimeNSecs()));
    stop({}, limit);
    // One that was called by a slot or a factory cannot go on before that has returned.
    while (alive && core.phase() != SupervisorCore::Phase::Ended && !m_isPumping) {
        const Deadline due = core.due();
        bool isDue = due <= now();
        const ChildId id = core.awaited();
        const auto awaited = m_children.find(id);
        auto *instance = awaited == m_children.end() ? nullptr : awaited->second->instance.get();
        if (!instance || instance->isIdle()) {
            core.ended(id, {}, now()); // a slot that was told of it, and destroys us, kept it from starting
        } else if (!isDue) {
            QDeadlineTimer until(QDeadlineTimer::Forever);
            if (due != Deadline::max())
                until = QDeadlineTimer(due - now(), Qt::PreciseTimer);
            isDue = !instance->waitEnded(until);
        }
        if (alive)
            pump();
        if (alive && isDue) {
            core.timeout(std::max(now(), due));
            pump();
        }
    }
    if (!alive || core.phase() != SupervisorCore::Phase::Ended)
        return false;
    destroyRetired();
    return !records->hasDeaf();
}

std::chrono::milliseconds SupervisorPrivate::uptime() const
{
    return m_readySince ? std::chrono::duration_cast<std::chrono::milliseconds>(now() - *m_readySince) : 0ms;
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
            pump();
        },
        Qt::QueuedConnection);
}

void SupervisorPrivate::pump()
{
    if (m_isPumping)
        return;
    m_isPumping = true;
    const QPointer<Supervisor> alive(q);
    for (;;) {
        for (const auto &action : core.takeActions())
            m_actions.push_back(action);
        if (!m_actions.empty()) {
            const auto action = m_actions.front();
            m_actions.pop_front();
            perform(action);
        } else if (!m_news.empty()) {
            const auto news = m_news.front();
            m_news.pop_front();
            take(news);
        } else if (std::exchange(m_isTimeDue, false)) {
            look(now());
        } else {
            break;
        }
        if (!alive)
            return;
    }
    m_isPumping = false;
    rearm();
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
    if (found == m_children.end() || found->second->incarnation != news.incarnation
        || !found->second->instance)
        return;
    Child &child = *found->second;
    if (news.state == State::Running) {
        core.ready(news.child, now());
        lookAfter(news.child, child);
    } else if (news.state == State::Stopped || news.state == State::Failed) {
        const auto end = child.instance->end();
        retire(child, end);
        setLate(news.child, child, false);
        if (end.error)
            records->setLastError(news.child, describe(end.error));
        core.ended(news.child, end, now());
    }
    Q_EMIT q->serviceStateChanged(child.name, news.state);
}

/// Something is due.
void SupervisorPrivate::look(Deadline moment)
{
    if (core.due() <= moment)
        core.timeout(moment);
    const QPointer<Supervisor> alive(q);
    while (const auto id = m_looks.take(moment)) {
        const auto found = m_children.find(*id);
        if (found == m_children.end() || !found->second->heartbeat)
            continue;
        Child &child = *found->second;
        const auto lag = child.heartbeat->look(moment);
        m_looks.set(*id, child.heartbeat->nextLook());
        setLate(*id, child, child.heartbeat->isLate());
        if (!lag)
            continue;
        const QString name = child.name;
        qCWarning(logService).noquote()
            << QStringLiteral("The event loop of service %1 has not answered for %2 ms.")
                   .arg(name)
                   .arg(lag->count());
        if (child.onUnresponsive == Supervisor::OnUnresponsive::Replace) {
            core.unresponsive(
                *id,
                std::make_exception_ptr(TimeoutError(
                    QStringLiteral("its event loop has not answered for %1 ms").arg(lag->count()))),
                moment);
        }
        Q_EMIT q->serviceUnresponsive(name, *lag);
        if (!alive)
            return;
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

QCoro::Task<bool> SupervisorPrivate::stopJoin(QPointer<Supervisor> supervisor, CancelScope scope)
{
    const auto records = of(*supervisor).records;
    of(*supervisor).stop({}, scope.deadline());
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
        of(*supervisor).stop({}, now()); // what lives still is deaf
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
    return app && !isBelowAnother && q->thread() == app->thread();
}

} // namespace MicroIO::Detail
