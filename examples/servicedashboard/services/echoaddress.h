// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtGlobal>

#include <atomic>
#include <memory>

/// Where the echo server is to be found, in whichever instance; copies are the same address. Any thread.
class EchoAddress
{
public:
    /// 0 before it has listened for the first time.
    quint16 port() const { return *m_port; }
    void setPort(quint16 port) const { *m_port = port; }

private:
    std::shared_ptr<std::atomic<quint16>> m_port = std::make_shared<std::atomic<quint16>>(quint16(0));
};
