// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Errors>

#include <QCoroTask>

#include <QEventLoop>
#include <QTimer>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <variant>

namespace Tests {

/// Where a coroutine's outcome waits for the test.
template<typename T>
struct Outcome
{
    std::conditional_t<std::is_void_v<T>, std::monostate,
                       std::optional<std::conditional_t<std::is_void_v<T>, int, T>>>
        value;
    std::exception_ptr error;
    bool done = false;
    QEventLoop *loop = nullptr;
};

template<typename T>
QCoro::Task<> watch(QCoro::Task<T> task, std::shared_ptr<Outcome<T>> outcome)
{
    try {
        if constexpr (std::is_void_v<T>)
            co_await task;
        else
            outcome->value.emplace(co_await task);
    } catch (...) {
        outcome->error = std::current_exception();
    }
    outcome->done = true;
    if (outcome->loop)
        outcome->loop->quit();
}

/// Turns the event loop until \a task has ended; gives its value or throws its error. A task that has not ended
/// after \a limit hangs: std::runtime_error.
template<typename T>
T await(QCoro::Task<T> task, std::chrono::milliseconds limit = std::chrono::seconds(30))
{
    const auto outcome = std::make_shared<Outcome<T>>();
    watch(std::move(task), outcome);
    if (!outcome->done) {
        QEventLoop loop;
        QTimer watchdog;
        QObject::connect(&watchdog, &QTimer::timeout, &loop, &QEventLoop::quit);
        watchdog.start(limit);
        outcome->loop = &loop;
        loop.exec();
        outcome->loop = nullptr;
    }
    if (!outcome->done)
        throw std::runtime_error("the awaited task hangs");
    if (outcome->error)
        std::rethrow_exception(outcome->error);
    if constexpr (!std::is_void_v<T>)
        return std::move(*outcome->value);
}

/// Turns the event loop \a count times.
inline void turn(int count = 1)
{
    for (int i = 0; i < count; ++i) {
        QEventLoop loop;
        QTimer::singleShot(0, &loop, &QEventLoop::quit);
        loop.exec();
    }
}

} // namespace Tests
