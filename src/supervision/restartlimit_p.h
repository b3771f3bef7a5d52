// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/Supervisor>

#include <deque>
#include <variant>

namespace MicroIO::Detail {

/// How often services may fail: OTP's sliding window, or suture's decaying count.
class MICROIO_EXPORT RestartLimit
{
public:
    RestartLimit();
    explicit RestartLimit(Supervisor::Intensity intensity);
    explicit RestartLimit(Supervisor::Decay decay);

    /// True if that is one too many.
    bool countFailure(Deadline moment);
    /// Forgets what was counted.
    void reset();

private:
    bool countInWindow(const Supervisor::Intensity &intensity, Deadline moment);
    bool countDecaying(const Supervisor::Decay &decay, Deadline moment);

    std::variant<Supervisor::Intensity, Supervisor::Decay> m_policy;
    std::deque<Deadline> m_failures; // of the last period, no more than are allowed and one
    double m_sum = 0;
    Deadline m_summedAt;
};

} // namespace MicroIO::Detail
