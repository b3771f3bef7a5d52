// SPDX-License-Identifier: Apache-2.0
#include "supervision/heartbeat_p.h"

#include <algorithm>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

Heartbeat::Heartbeat(LoopServiceThread &service, std::chrono::milliseconds limit, Deadline moment)
    : m_service(service)
    , m_limit(limit)
{
    ask(moment);
}

void Heartbeat::ask(Deadline moment)
{
    m_askedAt = moment;
    m_answeredAt = std::make_shared<std::atomic<Deadline::rep>>(0);
    m_nextLook = moment + std::max<std::chrono::nanoseconds>(m_limit / 2, 1ms);
    try {
        m_service.callSoon([answeredAt = m_answeredAt] {
            answeredAt->store(now().time_since_epoch().count(), std::memory_order_release);
        });
    } catch (const ServiceError &) {
        // It is about to end, which is told otherwise.
        m_answeredAt->store(moment.time_since_epoch().count(), std::memory_order_release);
    }
}

std::optional<std::chrono::milliseconds> Heartbeat::look(Deadline moment)
{
    const auto answered = m_answeredAt->load(std::memory_order_acquire);
    const auto lag = (answered ? Deadline(Deadline::duration(answered)) : moment) - m_askedAt;
    const bool isNew = lag >= m_limit && !m_isLate;
    m_isLate = lag >= m_limit && !answered;
    if (answered)
        ask(moment);
    else
        m_nextLook = moment + std::max<std::chrono::nanoseconds>(m_limit / 2, 1ms);
    if (!isNew)
        return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(lag);
}

} // namespace MicroIO::Detail
