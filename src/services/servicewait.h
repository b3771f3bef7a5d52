// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/scopes/waitlist.h>

#include <memory>

namespace MicroIO::Detail {

class ServicePrivate;

/// Until a service is ready, or will not be any more.
class MICROIO_EXPORT ServiceStartWait final : public ListedWait
{
public:
    ServiceStartWait(ScopeRef scope, std::shared_ptr<ServicePrivate> service);
    ~ServiceStartWait() override;

    /// Throws as ServiceThread::waitStarted() does.
    void await_resume() const;
    const char *waitsFor() const override { return "start of a service"; }

private:
    bool enter() override;
    void leave() override;

    const std::shared_ptr<ServicePrivate> m_service;
};

/// Until a service has ended.
class MICROIO_EXPORT ServiceEndWait final : public ListedWait
{
public:
    ServiceEndWait(ScopeRef scope, std::shared_ptr<ServicePrivate> service);
    ~ServiceEndWait() override;

    void await_resume() const;
    const char *waitsFor() const override { return "end of a service"; }

private:
    bool enter() override;
    void leave() override;

    const std::shared_ptr<ServicePrivate> m_service;
};

} // namespace MicroIO::Detail
