// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Supervisor>

#include <chrono>
#include <random>

namespace MicroIO::Detail {

/// How long a service stays down before it is restarted.
class MICROIO_EXPORT BackoffPolicy
{
public:
    BackoffPolicy();

    void set(const Supervisor::Backoff &backoff) { m_backoff = backoff; }
    void setSeed(quint32 seed) { m_random.seed(seed); }

    /// After that many failures in a row.
    std::chrono::nanoseconds delay(int failures);
    /// After too many failures.
    std::chrono::nanoseconds pause();
    /// A service that was ready for so long starts anew.
    std::chrono::nanoseconds quietPeriod() const { return m_backoff.maximum; }

private:
    std::chrono::nanoseconds jittered(double milliseconds);

    Supervisor::Backoff m_backoff;
    std::minstd_rand m_random;
};

} // namespace MicroIO::Detail
