// SPDX-License-Identifier: Apache-2.0
// What g++ 12 destroys twice inside a co_await expression does not compile; what it treats well does.
#include <MicroIO/CancelScope>
#include <MicroIO/Channel>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/RequestRegistry>
#include <MicroIO/RunInThread>
#include <MicroIO/TaskGroup>
#include <MicroIO/Timeouts>

#include <chrono>
#include <functional>

using namespace MicroIO;
using namespace std::chrono_literals;

QCoro::Task<> guarded(CancelScope scope, TaskGroup &group, SendChannel<std::function<void()>> jobs,
                      RequestRegistry<int, int> &registry, LoopServiceThread &service)
{
    int value = 0;

    // by reference: nothing to destroy
    co_await withTaskGroup(scope, [&](TaskGroup &) -> QCoro::Task<> { co_await scope.checkpoint(); });
    co_await moveOnAfter(scope, 1s, [&](CancelScope) -> QCoro::Task<> { co_await scope.checkpoint(); });
    co_await failAfter(scope, 1s, [&](CancelScope) -> QCoro::Task<> { co_await scope.checkpoint(); });
    co_await runInThread(scope, [&] { ++value; });
    co_await jobs.send(scope, [&] { ++value; });
    co_await registry.request(scope, 1, [&](int key) { registry.resolve(key, 1); });
    co_await group.start(scope, [&](CancelScope, TaskStatus<> status) -> QCoro::Task<> {
        status.started();
        co_await scope.checkpoint();
    });

    co_await service.call(scope, [&](CancelScope) -> QCoro::Task<> { co_await scope.checkpoint(); });

    // named
    const auto groupBody = [scope](TaskGroup &) -> QCoro::Task<> { co_await scope.checkpoint(); };
    const auto body = [scope](CancelScope) -> QCoro::Task<> { co_await scope.checkpoint(); };
    const auto work = [scope] { return scope.isCancelled(); };
    const auto job = [scope] { scope.cancel(); };
    const auto starting = [scope](CancelScope, TaskStatus<> status) -> QCoro::Task<> {
        status.started();
        co_await scope.checkpoint();
    };
    const std::function<QCoro::Task<>(CancelScope)> function = body;
    co_await withTaskGroup(scope, groupBody);
    co_await moveOnAfter(scope, 1s, body);
    co_await failAfter(scope, 1s, body);
    co_await failAfter(scope, 1s, function);
    co_await runInThread(scope, work);
    co_await jobs.send(scope, job);
    co_await jobs.send(scope, std::function<void()>(job)); // a class of its own is treated well
    co_await registry.request(scope, 1, work);
    co_await group.start(scope, starting);
    co_await service.call(scope, body);

    // in no co_await expression
    group.startSoon([scope]() -> QCoro::Task<> { co_await scope.checkpoint(); });

    const TaskHandle<void> handle = group.startSoon(
        [scope]() -> QCoro::Task<> { co_await scope.checkpoint(); });
    co_await handle.result(scope);
    const auto same = group.startSoon([scope]() -> QCoro::Task<> { co_await scope.checkpoint(); });
    co_await same.result(scope);
    co_await group.startSoon([&]() -> QCoro::Task<> { co_await scope.checkpoint(); }).result(scope);

#ifdef MUST_REFUSE_WITHTASKGROUP
    co_await withTaskGroup(scope, [scope](TaskGroup &) -> QCoro::Task<> { co_await scope.checkpoint(); });
#endif
#ifdef MUST_REFUSE_MOVEONAFTER
    co_await moveOnAfter(scope, 1s, [scope](CancelScope) -> QCoro::Task<> { co_await scope.checkpoint(); });
#endif
#ifdef MUST_REFUSE_FAILAFTER
    co_await failAfter(scope, 1s, [scope](CancelScope) -> QCoro::Task<> { co_await scope.checkpoint(); });
#endif
#ifdef MUST_REFUSE_RUNINTHREAD
    co_await runInThread(scope, [scope] { return scope.isCancelled(); });
#endif
#ifdef MUST_REFUSE_SEND
    co_await jobs.send(scope, [scope] { scope.cancel(); });
#endif
#ifdef MUST_REFUSE_REQUEST
    co_await registry.request(scope, 1, [scope] { scope.cancel(); });
#endif
#ifdef MUST_REFUSE_START
    co_await group.start(scope, [scope](CancelScope, TaskStatus<> status) -> QCoro::Task<> {
        status.started();
        co_await scope.checkpoint();
    });
#endif
#ifdef MUST_REFUSE_RESULT
    co_await group.startSoon([scope]() -> QCoro::Task<> { co_await scope.checkpoint(); }).result(scope);
#endif
#ifdef MUST_REFUSE_CALL
    co_await service.call(scope, [scope](CancelScope) -> QCoro::Task<> { co_await scope.checkpoint(); });
#endif
#ifdef MUST_REFUSE_STDFUNCTION
    co_await moveOnAfter(scope, 1s, std::function<QCoro::Task<>(CancelScope)>(body));
#endif
}
