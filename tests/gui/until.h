// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../auto/shared/sanitized.h"

#include <MicroIO/Test>
#include <MicroIO/Timeouts>

#include <QElapsedTimer>

#include <chrono>
#include <functional>

namespace Tests {

#ifdef MICROIO_TEST_SANITIZED
constexpr int slowness = 20; // of a sanitizer
#else
constexpr int slowness = 1;
#endif

/// co_await: until \a condition holds; gives how long that took. After \a limit the test fails. It is looked at often, because
/// a person sees everything at once.
inline QCoro::Task<std::chrono::milliseconds> until(MicroIO::CancelScope scope, QString what,
                                                    std::chrono::milliseconds limit,
                                                    std::function<bool()> condition)
{
    using namespace std::chrono_literals;
    QElapsedTimer timer;
    timer.start();
    const auto look = [&](MicroIO::CancelScope own) -> QCoro::Task<> {
        while (!condition())
            co_await own.sleep(1ms);
    };
    const bool isThere = co_await moveOnAfter(scope, limit, look);
    if (!isThere)
        qWarning("not within %lld ms: %s", static_cast<long long>(limit.count()), qPrintable(what));
    MICROIO_CO_VERIFY(isThere);
    co_return std::chrono::milliseconds(timer.elapsed());
}

} // namespace Tests
