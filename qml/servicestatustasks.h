// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QCoroQml>
#include <QCoroQmlTask>
#include <QObject>
#include <QtQml/qqml.h>

namespace MicroIO {
class ServiceStatus;
}

namespace MicroIO::Qml {

/// What a ServiceStatus has in QML beside its properties: calls that answer when it has been done.
///
/// `status.restart().then(error => …)`: \c error is an empty string, or says what went wrong, with its causes; that is logged
/// as well, with the line of the call. Who calls and goes away with the status, is not answered.
class ServiceStatusTasks : public QObject
{
    Q_OBJECT
    QML_ANONYMOUS

public:
    explicit ServiceStatusTasks(QObject *status);

    /// See ServiceStatus::start().
    Q_INVOKABLE QCoro::QmlTask start();
    /// See ServiceStatus::stop().
    Q_INVOKABLE QCoro::QmlTask stop();
    /// See ServiceStatus::restart().
    Q_INVOKABLE QCoro::QmlTask restart();

private:
    ServiceStatus *const m_status;
};

} // namespace MicroIO::Qml
