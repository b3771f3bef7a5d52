// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/MicroIO>

#include <QString>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <stdexcept>

/// A service that fetches something once a minute. When that fails it tries again, after one second, two, four, …, and gives up
/// after ten failures in a row. The latest value can be had by callSync().
class Refresher : public MicroIO::LoopServiceThread
{
public:
    using Fetch = std::function<QCoro::Task<QString>(MicroIO::CancelScope)>;

    explicit Refresher(Fetch fetch)
        : LoopServiceThread(QStringLiteral("refresher"))
        , m_fetch(std::move(fetch))
    {
    }

    QString latest()
    {
        return callSync([this] { return m_latest; });
    }

    /// One refresh, with its retries. A coroutine of whichever thread calls it.
    QCoro::Task<QString> refresh(MicroIO::CancelScope scope) const
    {
        using namespace std::chrono_literals;
        std::chrono::seconds pause = 1s;
        for (int failures = 0;;) {
            QString value;
            std::exception_ptr error;
            try {
                value = co_await MicroIO::failAfter(scope, 30s, m_fetch);
            } catch (const std::exception &) {
                error = std::current_exception();
            }
            if (!error)
                co_return value;
            if (++failures == 10)
                std::rethrow_exception(error);
            co_await scope.sleep(pause);
            pause *= 2;
        }
    }

private:
    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override
    {
        using namespace std::chrono_literals;
        for (;;) {
            m_latest = co_await refresh(scope);
            reportStarted();
            co_await scope.sleep(1min);
        }
    }

    Fetch m_fetch;
    QString m_latest;
};
