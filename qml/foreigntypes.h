// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "servicestatustasks.h"
#include <MicroIO/IncidentModel>
#include <MicroIO/ServiceModel>
#include <MicroIO/ServiceStatus>

#include <QtQml/qqml.h>

// The classes of MicroIO::Core that QML knows, by their own names.

namespace MicroIO::Qml {

struct ForeignServiceStatus
{
    Q_GADGET
    QML_FOREIGN(MicroIO::ServiceStatus)
    QML_NAMED_ELEMENT(ServiceStatus)
    QML_EXTENDED(MicroIO::Qml::ServiceStatusTasks)
};

struct ForeignServiceModel
{
    Q_GADGET
    QML_FOREIGN(MicroIO::ServiceModel)
    QML_NAMED_ELEMENT(ServiceModel)
};

struct ForeignIncidentModel
{
    Q_GADGET
    QML_FOREIGN(MicroIO::IncidentModel)
    QML_NAMED_ELEMENT(IncidentModel)
};

} // namespace MicroIO::Qml
