// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "servicecall.h"
#include <MicroIO/ServiceStatus>

#include <QObject>
#include <QtQml/qqmlregistration.h>

#include <memory>

namespace MicroIO::Qml {

/// What a ServiceStatus that is made in QML has beside its properties: calls that answer when it has been done.
///
/// `status.restart().then(error => …)`: \c error is an empty string, or says what went wrong, with its causes; that is
/// logged as well, with the line of the call. Who calls and goes away with the status, or with the engine, is not answered.
class ServiceStatusCalls : public QObject
{
    Q_OBJECT
    QML_ANONYMOUS

public:
    explicit ServiceStatusCalls(QObject *status);

    // Whole names: of an extension, QML finds types by them.

    /// See ServiceStatus::start().
    Q_INVOKABLE MicroIO::Qml::ServiceCall start();
    /// See ServiceStatus::stop().
    Q_INVOKABLE MicroIO::Qml::ServiceCall stop();
    /// See ServiceStatus::restart().
    Q_INVOKABLE MicroIO::Qml::ServiceCall restart();

private:
    ServiceStatus *const m_status;
};

/// The same for those that models make: Qt extends an object only if QML has made it.
class CallableServiceStatus : public ServiceStatus
{
    Q_OBJECT

public:
    using ServiceStatus::ServiceStatus;

    Q_INVOKABLE MicroIO::Qml::ServiceCall start();
    Q_INVOKABLE MicroIO::Qml::ServiceCall stop();
    Q_INVOKABLE MicroIO::Qml::ServiceCall restart();
};

} // namespace MicroIO::Qml
