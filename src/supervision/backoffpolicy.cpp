// SPDX-License-Identifier: Apache-2.0
#include "supervision/backoffpolicy_p.h"

#include <algorithm>
#include <cmath>

namespace MicroIO::Detail {

namespace {

double count(std::chrono::milliseconds duration)
{
    return double(duration.count());
}

} // namespace

BackoffPolicy::BackoffPolicy()
    : m_random(std::random_device()())
{
}

std::chrono::nanoseconds BackoffPolicy::delay(int failures)
{
    if (m_backoff.initial.count() == 0)
        return {};
    const double delay = count(m_backoff.initial) * std::pow(m_backoff.factor, std::max(failures, 1) - 1);
    return jittered(std::min(delay, count(m_backoff.maximum)));
}

std::chrono::nanoseconds BackoffPolicy::pause()
{
    return jittered(count(m_backoff.maximum));
}

std::chrono::nanoseconds BackoffPolicy::jittered(double milliseconds)
{
    if (m_backoff.jitter > 0)
        milliseconds *= 1 - m_backoff.jitter * std::uniform_real_distribution<double>()(m_random);
    return saturated(std::chrono::duration<double, std::milli>(milliseconds));
}

} // namespace MicroIO::Detail
