// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CloseScope>
#include <MicroIO/ServiceThread>

#include <QString>

#include <atomic>

// Services that are no LoopServiceThread.

namespace Tests {

/// A target that is ready at once and goes on until it is asked to stop.
inline void workUntilStopped(MicroIO::ServiceThread &service)
{
    service.reportStarted();
    static_cast<void>(service.closeScope().wait());
}

/// Runs the event loop of QThread.
class LoopingService : public MicroIO::ServiceThread
{
public:
    LoopingService()
        : ServiceThread(QStringLiteral("looping"))
    {
    }
    int result() const { return m_result; }

private:
    void runService() override
    {
        reportStarted();
        m_result = exec();
    }

    std::atomic<int> m_result = -1;
};

} // namespace Tests
