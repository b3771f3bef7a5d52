// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

/// Tells a coroutine that works without waiting when to let its event loop have a turn, by scope.checkpoint(): often
/// enough to be cancelled at once, and seldom enough to cost nothing.
class Pace
{
public:
    bool isDue()
    {
        const auto now = std::chrono::steady_clock::now();
        if (now - m_last < interval)
            return false;
        m_last = now;
        return true;
    }

private:
    static constexpr std::chrono::milliseconds interval{5};

    std::chrono::steady_clock::time_point m_last = std::chrono::steady_clock::now();
};
