// SPDX-License-Identifier: Apache-2.0
#include "status/supervisedentry_p.h"

#include "scopes/errors_p.h"
#include "supervision/supervisor_p.h"
#include <MicroIO/AsyncEvent>
#include <MicroIO/services/servicewait.h>

#include <functional>
#include <utility>

namespace MicroIO::Detail {

namespace {

using State = ServiceThread::State;
using Snapshot = SupervisorRecords::Snapshot;
using Reply = SupervisorOrders::Reply;
using What = bool (SupervisorCore::*)(ChildId, Deadline);

bool isOver(State state)
{
    return state == State::Stopped || state == State::Failed;
}

ServiceStatus::State stateOf(const Snapshot &service)
{
    const bool isDown = service.starts > 0 && !service.isUp();
    if (isDown && service.isWanted && service.supervisorRuns)
        return ServiceStatus::State::Waiting;
    return shownState(service.info.state);
}

/// The failure of the last instance, also if its supervisor has not heard of that yet.
QString errorOf(const Snapshot &service)
{
    if (service.info.state != State::Failed || service.isErrorKnown)
        return service.info.lastError;
    std::exception_ptr cause;
    if (service.service) {
        const std::lock_guard lock(service.service->mutex);
        cause = service.service->cause;
    } else if (service.supervisor) {
        cause = service.supervisor->exception();
    }
    return cause ? describe(cause) : service.info.lastError;
}

/// Nothing can be done by hand, or no more.
[[noreturn]] void throwRefused(const SupervisedName &service)
{
    if (!service.records->snapshot(service.listed.id))
        throwAbsent(service.listed.name);
    const auto state = service.records->state();
    const QString who =
        QStringLiteral("service %1: its supervisor %2").arg(service.listed.name, service.supervisor);
    if (state == State::Idle)
        throw ServiceError(who + QStringLiteral(" was not started; start that first"));
    throwWithCause(
        ServiceError(who
                     + (isOver(state) ? QStringLiteral(" has ended") : QStringLiteral(" is being stopped"))),
        service.records->exception());
}

/// Where the answer to an order arrives; shared, because who has asked may have gone then.
struct Answer
{
    Reply reply; // written before the event is set
    AsyncEvent hasCome;
};

/// Asks the supervisor, on its thread; nullopt if nothing can be done by hand, or no more.
QCoro::Task<std::optional<Reply>> ask(CancelScope scope, SupervisedName service, What what)
{
    const auto answer = std::make_shared<Answer>();
    SupervisorOrders::Order order;
    order.child = service.listed.id;
    order.what = what;
    order.answer = [answer](const Reply &reply) {
        answer->reply = reply;
        answer->hasCome.set();
    };
    if (!service.records->orders->post(std::move(order)))
        co_return std::nullopt;
    co_await answer->hasCome.wait(scope);
    if (!answer->reply.isAccepted)
        co_return std::nullopt;
    co_return answer->reply;
}

/// Until \a isReached(snapshot) of the service, which is given; nullopt when it is no service any more.
QCoro::Task<std::optional<Snapshot>> reached(CancelScope scope, SupervisedName service,
                                             std::function<bool(const Snapshot &)> isReached)
{
    const auto changed = std::make_shared<AsyncEvent>();
    const ChangeSubscription subscription(service.listed.changes, [changed] { changed->set(); });
    for (;;) {
        changed->clear();
        auto snapshot = service.records->snapshot(service.listed.id);
        if (!snapshot || isReached(*snapshot))
            co_return snapshot;
        co_await changed->wait(scope);
    }
}

/// Until the last instance is ready. Throws ServiceError, with the cause nested, if it never will be.
QCoro::Task<> ready(CancelScope scope, Snapshot service)
{
    if (service.refusal) {
        throwWithCause(ServiceError(QStringLiteral("service %1 failed to start").arg(service.info.name)),
                       service.refusal);
    }
    if (service.service) {
        co_await WaitOf<ServiceStartWait, std::shared_ptr<ServicePrivate>>(scope.state(), service.service);
        co_return;
    }
    auto waiting = SupervisorPrivate::waitStarted(service.supervisor, service.info.name, std::move(scope));
    co_await waiting;
}

/// Until the instance that comes of \a what is ready: the present one, or the next.
QCoro::Task<> startBy(What what, CancelScope scope, SupervisedName service)
{
    scope.throwIfCancelled();
    auto asking = ask(scope, service, what);
    const auto before = co_await asking;
    if (!before)
        throwRefused(service);
    const bool isThere = before->isRunning && what == &SupervisorCore::startChild;
    const quint64 awaited = before->starts + (isThere ? 0 : 1);
    const auto isBegun = [awaited](const Snapshot &now) {
        const bool mayCome = now.supervisorRuns && (now.isUp() || now.isWanted);
        return now.starts >= awaited || !mayCome;
    };
    auto beginning = reached(scope, service, isBegun);
    auto begun = co_await beginning;
    if (!begun)
        throwAbsent(service.listed.name);
    if (begun->starts < awaited && !begun->supervisorRuns)
        throwRefused(service);
    if (begun->starts < awaited) {
        throw ServiceError(
            QStringLiteral("service %1 has ended, and is not started again").arg(service.listed.name));
    }
    auto starting = ready(std::move(scope), std::move(*begun));
    co_await starting;
}

QCoro::Task<> stopByHand(CancelScope scope, SupervisedName service)
{
    scope.throwIfCancelled();
    auto asking = ask(scope, service, &SupervisorCore::stopChild);
    const auto before = co_await asking;
    const auto present = service.records->snapshot(service.listed.id);
    if (!before && !present)
        co_return;
    // What a supervisor that is being stopped refuses, it does anyway.
    const quint64 start = before ? before->starts : present->starts;
    const auto hasEnded = [start](const Snapshot &now) { return now.ends >= start; };
    auto ending = reached(std::move(scope), service, hasEnded);
    const auto ended = co_await ending;
    if (ended && ended->starts == start && ended->service && ended->service->runs()) {
        throw ServiceError(
            QStringLiteral("service %1 has not stopped within its time limit; it runs on, set aside")
                .arg(service.listed.name));
    }
}

} // namespace

SupervisedEntry::SupervisedEntry(SupervisedName service)
    : m_service(std::move(service))
{
}

ServiceFacts SupervisedEntry::facts() const
{
    ServiceFacts facts;
    const auto service = m_service.records->snapshot(m_service.listed.id);
    if (!service)
        return facts;
    facts.state = stateOf(*service);
    facts.errorString = errorOf(*service);
    facts.restartCount = service->info.restartCount;
    facts.canRestart = service->supervisorRuns;
    return facts;
}

FigureFacts SupervisedEntry::figures() const
{
    const auto service = m_service.records->snapshot(m_service.listed.id);
    if (service && service->service)
        return figuresOf(*service->service);
    FigureFacts figures;
    if (service && service->supervisor)
        figures.uptime = service->supervisor->uptime().count();
    return figures;
}

QCoro::Task<> SupervisedEntry::start(CancelScope scope)
{
    return startBy(&SupervisorCore::startChild, std::move(scope), m_service);
}

QCoro::Task<> SupervisedEntry::stop(CancelScope scope)
{
    return stopByHand(std::move(scope), m_service);
}

QCoro::Task<> SupervisedEntry::restart(CancelScope scope)
{
    return startBy(&SupervisorCore::restartChild, std::move(scope), m_service);
}

} // namespace MicroIO::Detail
