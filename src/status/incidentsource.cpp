// SPDX-License-Identifier: Apache-2.0
#include "status/incidentsource_p.h"

#include "status/supervisorsource_p.h"
#include <MicroIO/Supervisor>

namespace MicroIO::Detail {

IncidentSource::~IncidentSource() = default;

std::shared_ptr<IncidentSource> IncidentSource::of(QObject *object)
{
    if (auto *supervisor = qobject_cast<Supervisor *>(object))
        return std::make_shared<SupervisorIncidents>(*supervisor);
    return nullptr;
}

} // namespace MicroIO::Detail
