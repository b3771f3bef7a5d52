// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/TaskGroup>
#include <MicroIO/scopes/temporarycheck.h>

#include <QCoroTask>

#include <chrono>

namespace MicroIO {

namespace Detail {

/// True if a Cancelled that left a body with the scope \a own is absorbed by the body's runner.
MICROIO_EXPORT bool absorbs(const CancelScope &own, const CancelScope &outer);
/// Throws TimeoutError if it was the deadline of \a own that ended the body, and not \a outer.
MICROIO_EXPORT void throwIfTimedOut(const CancelScope &own, const CancelScope &outer, const QString &what);

template<typename T, typename Body>
QCoro::Task<OrCancelled<T>> runUntil(CancelScope scope, Deadline deadline, Kept<Body> body)
{
    const CancelScope own = scope.child(deadline);
    OrCancelled<T> value{};
    try {
        auto task = body(own);
        if constexpr (std::is_void_v<T>) {
            co_await task;
            value = true;
        } else {
            value.emplace(co_await task);
        }
    } catch (const Cancelled &) {
        if (!absorbs(own, scope))
            throw;
    }
    co_return value;
}

template<typename T, typename Body>
QCoro::Task<T> runOrFail(CancelScope scope, Deadline deadline, Kept<Body> body, QString what)
{
    const CancelScope own = scope.child(deadline);
    try {
        auto task = body(own);
        co_return co_await task;
    } catch (const Cancelled &) {
        throwIfTimedOut(own, scope, what);
        throw;
    }
}

} // namespace Detail

/// Runs \a body, a callable (CancelScope) -> QCoro::Task<T>, and cancels its scope after \a limit.
///
/// Gives the body's value, also if it came late; std::nullopt (false for a Task<void>) exactly if the body ended
/// by a Cancelled that was absorbed here: its own scope was cancelled, by the limit or by somebody, and \a scope
/// was not. A limit of zero or less has passed already: the body runs to its first wait.
template<typename Rep, typename Period, typename Body>
auto moveOnAfter(CancelScope scope, std::chrono::duration<Rep, Period> limit, Body &&body)
{
    MICROIO_CHECK_TEMPORARY(Body);
    Detail::refuseEmptyCallable<std::decay_t<Body>>(body, "moveOnAfter() with an empty body");
    using T = Detail::CallValue<std::decay_t<Body>, CancelScope>;
    return Detail::runUntil<T, Body>(std::move(scope), deadlineAfter(saturated(limit)),
                                     std::forward<Body>(body));
}

/// The same, but the limit becomes a TimeoutError that tells \a what took too long; every other Cancelled passes
/// through. A body that ends with a value or an error of its own after the limit keeps it.
template<typename Rep, typename Period, typename Body>
auto failAfter(CancelScope scope, std::chrono::duration<Rep, Period> limit, Body &&body, QString what = {})
{
    MICROIO_CHECK_TEMPORARY(Body);
    Detail::refuseEmptyCallable<std::decay_t<Body>>(body, "failAfter() with an empty body");
    using T = Detail::CallValue<std::decay_t<Body>, CancelScope>;
    return Detail::runOrFail<T, Body>(std::move(scope), deadlineAfter(saturated(limit)),
                                      std::forward<Body>(body), std::move(what));
}

} // namespace MicroIO
