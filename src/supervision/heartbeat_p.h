// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/microio_export.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

namespace MicroIO::Detail {

/// Asks a service's event loop again and again whether it is there.
class Heartbeat
{
public:
    Heartbeat(LoopServiceThread &service, std::chrono::milliseconds limit, Deadline moment);

    /// When look() is to be called next.
    Deadline nextLook() const { return m_nextLook; }
    /// How late it is, once each time that it is later than the limit.
    std::optional<std::chrono::milliseconds> look(Deadline moment);
    /// True from then on until it has answered.
    bool isLate() const { return m_isLate; }

private:
    void ask(Deadline moment);

    LoopServiceThread &m_service;
    const std::chrono::milliseconds m_limit;
    std::shared_ptr<std::atomic<Deadline::rep>> m_answeredAt; // 0 before; of the question that is open
    Deadline m_askedAt;
    Deadline m_nextLook;
    bool m_isLate = false;
};

} // namespace MicroIO::Detail
