// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>

#include <QCoroTask>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace Tests {

/// A service whose coroutine is given to it.
class ScriptedService : public MicroIO::LoopServiceThread
{
public:
    using Body = std::function<QCoro::Task<>(ScriptedService &, MicroIO::CancelScope)>;

    explicit ScriptedService(Body body = {}, const QString &name = QStringLiteral("scripted"))
        : LoopServiceThread(name)
        , m_body(std::move(body))
    {
    }

    using LoopServiceThread::reportStarted;

private:
    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override
    {
        if (m_body) {
            auto task = m_body(*this, scope);
            co_await task;
        } else {
            auto task = LoopServiceThread::runAsync(scope);
            co_await task;
        }
    }

    const Body m_body;
};

/// \a body must not capture what may go before the service.
inline std::unique_ptr<ScriptedService> makeScripted(ScriptedService::Body body = {})
{
    return MicroIO::makeService<ScriptedService>(std::move(body));
}

/// One that is ready.
inline std::unique_ptr<ScriptedService> startScripted(ScriptedService::Body body = {})
{
    auto service = makeScripted(std::move(body));
    service->start();
    service->waitStarted();
    return service;
}

} // namespace Tests
