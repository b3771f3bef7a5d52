// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QCoroQmlTask>
#include <QCoroTask>
#include <QJSEngine>
#include <QJSValue>
#include <QPointer>
#include <QVariant>
#include <QtQml/qqmlregistration.h>

namespace MicroIO::Qml {

/// What a call in QML gives: a QCoro::QmlTask whose then() does not hide an error in the callback, but logs it as other
/// errors in QML are.
class ServiceCall : public QCoro::QmlTask
{
    Q_GADGET
    QML_ANONYMOUS

public:
    ServiceCall() = default;
    ServiceCall(QCoro::Task<QVariant> task, QJSEngine *engine);

    /// Has \a callback called when it is done, at once if it is; with an empty string, or what went wrong.
    Q_INVOKABLE void then(const QJSValue &callback);

private:
    QPointer<QJSEngine> m_engine;
};

/// The line of QML that is being run, for the beginning of a message.
QString runningLine(QJSEngine *engine);

} // namespace MicroIO::Qml
