// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/serviceroster_p.h"
#include "status/entrycache_p.h"
#include "status/servicesource_p.h"

#include <memory>

namespace MicroIO::Detail {

/// A service that runs once: of a group, or alone.
class ThreadEntry final : public ServiceEntry
{
public:
    explicit ThreadEntry(std::shared_ptr<ServicePrivate> service);

    QString name() const override { return m_service->name; }
    std::shared_ptr<ChangeListeners> changes() const override;
    ServiceFacts facts() const override;
    FigureFacts figures() const override;

    QCoro::Task<> start(CancelScope scope) override;
    QCoro::Task<> stop(CancelScope scope) override;
    QCoro::Task<> restart(CancelScope scope) override;

private:
    const std::shared_ptr<ServicePrivate> m_service;
};

class GroupSource final : public ServiceSource
{
public:
    explicit GroupSource(std::shared_ptr<ServiceRoster> roster);

    ServiceEntries entries() const override;
    std::shared_ptr<ChangeListeners> changes() const override;

private:
    const std::shared_ptr<ServiceRoster> m_roster;
    mutable EntryCache<const ServicePrivate *> m_known;
};

} // namespace MicroIO::Detail
