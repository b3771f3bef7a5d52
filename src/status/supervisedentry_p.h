// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "status/servicesource_p.h"
#include "supervision/supervisorrecords_p.h"

#include <memory>

namespace MicroIO::Detail {

/// Which service of which supervisor.
struct SupervisedName
{
    std::shared_ptr<SupervisorRecords> records;
    SupervisorRecords::Listed listed;
    QString supervisor; // its name, for messages
};

/// A service of a supervisor, through all restarts.
class SupervisedEntry final : public ServiceEntry
{
public:
    explicit SupervisedEntry(SupervisedName service);

    QString name() const override { return m_service.listed.name; }
    std::shared_ptr<ChangeListeners> changes() const override { return m_service.listed.changes; }
    ServiceFacts facts() const override;
    FigureFacts figures() const override;

    QCoro::Task<> start(CancelScope scope) override;
    QCoro::Task<> stop(CancelScope scope) override;
    QCoro::Task<> restart(CancelScope scope) override;

private:
    const SupervisedName m_service;
};

} // namespace MicroIO::Detail
