// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "servicestatuscalls.h"
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
    QML_EXTENDED(MicroIO::Qml::ServiceStatusCalls)
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

// For qmllint and the compilers of QML alone, which find the base class in QtQml.Models otherwise, that a program may lack; and
// Qt 6.4 does not tell them of this integer.

struct ForeignItemModel
{
    Q_GADGET
    QML_FOREIGN(QAbstractItemModel)
    QML_ANONYMOUS
};

#if QT_VERSION < QT_VERSION_CHECK(6, 5, 0)
struct ForeignLongLong
{
    Q_GADGET
    QML_FOREIGN(qlonglong)
    QML_ANONYMOUS
};
#endif

} // namespace MicroIO::Qml
