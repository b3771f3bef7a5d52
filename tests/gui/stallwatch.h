// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QTimer>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace Tests {

/// Measures how long its thread does not get back to its event loop, by a timer of 10 ms; and beside it how long a thread that
/// does nothing is kept from its processor by others, because that is not the program's fault.
class StallWatch
{
public:
    using Milliseconds = std::chrono::milliseconds;

    StallWatch()
    {
        m_timer.setTimerType(Qt::PreciseTimer);
        QObject::connect(&m_timer, &QTimer::timeout, &m_timer,
                         [this] { m_longest = std::max(m_longest, lap()); });
        m_timer.start(interval);
        m_thread = std::thread([this] { watchTheMachine(); });
    }
    ~StallWatch()
    {
        m_isDone = true;
        m_thread.join();
    }
    Q_DISABLE_COPY_MOVE(StallWatch)

    /// Between two ticks of the timer, also of the present one.
    Milliseconds longest() { return std::max(m_longest, lap()); }
    Milliseconds longestOfTheMachine() const { return Milliseconds(m_longestOfTheMachine); }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr Milliseconds interval{10};

    Milliseconds lap()
    {
        const auto now = Clock::now();
        return std::chrono::duration_cast<Milliseconds>(now - std::exchange(m_last, now));
    }

    void watchTheMachine()
    {
        auto last = Clock::now();
        while (!m_isDone) {
            std::this_thread::sleep_for(interval);
            const auto now = Clock::now();
            const auto gap = std::chrono::duration_cast<Milliseconds>(now - std::exchange(last, now)).count();
            if (gap > m_longestOfTheMachine)
                m_longestOfTheMachine = gap;
        }
    }

    QTimer m_timer;
    Clock::time_point m_last = Clock::now();
    Milliseconds m_longest{0};
    std::atomic<bool> m_isDone{false};
    std::atomic<Milliseconds::rep> m_longestOfTheMachine{0};
    std::thread m_thread;
};

} // namespace Tests
