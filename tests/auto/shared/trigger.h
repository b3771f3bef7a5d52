// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <coroutine>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace Tests {

/// Something foreign that QCoro can await: who awaits it is resumed inside of fire(), on whichever thread that is.
/// Copies are the same one. A test that does not fire it leaks the coroutine.
class Trigger
{
    struct State
    {
        std::mutex mutex;
        bool fired = false; // guarded by mutex, as all that follows
        int awaited = 0;
        std::vector<std::coroutine_handle<>> waiting;
    };

public:
    class Awaiter
    {
    public:
        explicit Awaiter(const Trigger &trigger)
            : m_state(trigger.m_state)
        {
        }
        bool await_ready() const { return false; }
        bool await_suspend(std::coroutine_handle<> coroutine)
        {
            const std::lock_guard lock(m_state->mutex);
            ++m_state->awaited;
            if (m_state->fired)
                return false;
            m_state->waiting.push_back(coroutine);
            return true;
        }
        void await_resume() const {}

    private:
        std::shared_ptr<State> m_state;
    };

    Awaiter operator co_await() const { return Awaiter(*this); }

    void fire() const
    {
        std::vector<std::coroutine_handle<>> waiting;
        {
            const std::lock_guard lock(m_state->mutex);
            m_state->fired = true;
            waiting.swap(m_state->waiting);
        }
        for (const auto coroutine : waiting)
            coroutine.resume();
    }

    /// How often it has been awaited.
    int awaited() const
    {
        const std::lock_guard lock(m_state->mutex);
        return m_state->awaited;
    }
    /// How many coroutines are suspended in it.
    int waiting() const
    {
        const std::lock_guard lock(m_state->mutex);
        return int(m_state->waiting.size());
    }

private:
    std::shared_ptr<State> m_state = std::make_shared<State>();
};

} // namespace Tests
