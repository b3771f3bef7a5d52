// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/LoopServiceThread>

#include <semaphore>
#include <thread>

namespace Tests {

/// Keeps a service's thread busy until it is let go.
class Blocker
{
public:
    explicit Blocker(MicroIO::LoopServiceThread &service)
        : m_thread([this, &service] {
            service.callSync([this] {
                m_blocking.release();
                m_letGo.acquire();
            });
        })
    {
        m_blocking.acquire();
    }
    ~Blocker() { letGo(); }

    void letGo()
    {
        if (!m_thread.joinable())
            return;
        m_letGo.release();
        m_thread.join();
    }

private:
    std::binary_semaphore m_blocking{0};
    std::binary_semaphore m_letGo{0};
    std::thread m_thread;
};

} // namespace Tests
