// SPDX-License-Identifier: Apache-2.0
#include "supervision/restartlimit_p.h"

#include <cmath>
#include <limits>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

RestartLimit::RestartLimit()
    : RestartLimit(Supervisor::Intensity{3, 5s})
{
}

RestartLimit::RestartLimit(Supervisor::Intensity intensity)
    : m_policy(intensity)
{
}

RestartLimit::RestartLimit(Supervisor::Decay decay)
    : m_policy(decay)
{
}

bool RestartLimit::countFailure(Deadline moment)
{
    if (const auto *intensity = std::get_if<Supervisor::Intensity>(&m_policy))
        return countInWindow(*intensity, moment);
    return countDecaying(std::get<Supervisor::Decay>(m_policy), moment);
}

bool RestartLimit::countInWindow(const Supervisor::Intensity &intensity, Deadline moment)
{
    if (intensity.restarts == std::numeric_limits<int>::max())
        return false;
    const auto period = saturated(intensity.period);
    while (!m_failures.empty() && moment - m_failures.front() > period)
        m_failures.pop_front();
    if (m_failures.size() > size_t(intensity.restarts))
        m_failures.pop_front();
    m_failures.push_back(moment);
    return m_failures.size() > size_t(intensity.restarts);
}

bool RestartLimit::countDecaying(const Supervisor::Decay &decay, Deadline moment)
{
    const std::chrono::duration<double> passed = moment - m_summedAt;
    const std::chrono::duration<double> halfLife = decay.halfLife;
    if (m_sum > 0)
        m_sum *= std::exp2(-passed.count() / halfLife.count());
    m_sum += 1;
    m_summedAt = moment;
    return m_sum > decay.threshold;
}

void RestartLimit::reset()
{
    m_failures.clear();
    m_sum = 0;
}

} // namespace MicroIO::Detail
