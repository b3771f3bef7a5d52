// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "await.h"

#include <MicroIO/Errors>

#include <QString>

#include <exception>

namespace Tests {

/// The error and all that are nested in it, outermost first: "ServiceError < boom". An error of the library is told by
/// its type, another one by its text.
inline QString chainOf(const std::exception_ptr &error)
{
    if (!error)
        return QStringLiteral("none");
    const auto nameOf = [](const std::exception &e) {
#define MICROIO_TESTS_NAME(Type) \
    if (dynamic_cast<const MicroIO::Type *>(&e)) \
        return QStringLiteral(#Type);
        MICROIO_TESTS_NAME(TimeoutError)
        MICROIO_TESTS_NAME(TaskGroupError)
        MICROIO_TESTS_NAME(ClosedResourceError)
        MICROIO_TESTS_NAME(BrokenResourceError)
        MICROIO_TESTS_NAME(EndOfStream)
        MICROIO_TESTS_NAME(WouldBlock)
        MICROIO_TESTS_NAME(BusyResourceError)
        MICROIO_TESTS_NAME(DuplicateRequestError)
        MICROIO_TESTS_NAME(ServiceError)
        MICROIO_TESTS_NAME(DeadlockError)
        MICROIO_TESTS_NAME(WrongThreadError)
#undef MICROIO_TESTS_NAME
        return QString::fromUtf8(e.what());
    };
    try {
        std::rethrow_exception(error);
    } catch (const MicroIO::Cancelled &e) {
        return QStringLiteral("Cancelled(%1)").arg(e.timedOut() ? QStringLiteral("deadline") : e.reason());
    } catch (const std::exception &e) {
        try {
            std::rethrow_if_nested(e);
        } catch (...) {
            return QStringLiteral("%1 < %2").arg(nameOf(e), chainOf(std::current_exception()));
        }
        return nameOf(e);
    } catch (int number) {
        return QStringLiteral("int %1").arg(number);
    } catch (...) {
        return QStringLiteral("something else");
    }
}

/// What \a function throws, as a chain; "nothing" if it does not.
template<typename Function>
QString chainThrownBy(Function &&function)
{
    try {
        function();
    } catch (...) {
        return chainOf(std::current_exception());
    }
    return QStringLiteral("nothing");
}

/// Awaits \a task and tells what it throws.
template<typename T>
QString chainFrom(QCoro::Task<T> task)
{
    return chainThrownBy([&task] { await(std::move(task)); });
}

} // namespace Tests
