// SPDX-License-Identifier: Apache-2.0
#include "servicestatustasks.h"

#include <MicroIO/Errors>
#include <MicroIO/ServiceStatus>

#include <QJSEngine>
#include <QLoggingCategory>
#include <QPointer>
#include <QtQml>

namespace MicroIO::Qml {

Q_LOGGING_CATEGORY(logQml, "microio.qml")

namespace {

/// The line of QML that is being run.
QString runningLine(const QObject *object)
{
    auto *engine = qjsEngine(object);
    if (!engine)
        return {};
    const auto here = engine->newErrorObject(QJSValue::GenericError);
    const QString file = here.property(QStringLiteral("fileName")).toString();
    return file.isEmpty()
               ? QString()
               : QStringLiteral("%1:%2: ").arg(file).arg(here.property(QStringLiteral("lineNumber")).toInt());
}

/// What a caller is told: nothing, or what went wrong. Whose status or engine has gone is told nothing, as there is nobody who
/// could be.
QCoro::Task<QVariant> answer(QPointer<QJSEngine> engine, QCoro::Task<> task, QString what)
{
    QString error;
    try {
        co_await task;
    } catch (const std::exception &) {
        error = describe(std::current_exception());
        qCWarning(logQml).noquote() << what << error;
    }
    if (!engine)
        throw Cancelled(QStringLiteral("the QML engine has gone"));
    co_return QVariant(error);
}

QCoro::Task<QVariant> answerOf(const ServiceStatus &status, const char *function, QCoro::Task<> task)
{
    const auto what = QStringLiteral("%1%2() of service %3 has failed:")
                          .arg(runningLine(&status), QLatin1String(function), status.name());
    return answer(qjsEngine(&status), std::move(task), what);
}

} // namespace

ServiceStatusTasks::ServiceStatusTasks(QObject *status)
    : QObject(status)
    , m_status(qobject_cast<ServiceStatus *>(status))
{
}

QCoro::QmlTask ServiceStatusTasks::start()
{
    return answerOf(*m_status, "start", m_status->start());
}

QCoro::QmlTask ServiceStatusTasks::stop()
{
    return answerOf(*m_status, "stop", m_status->stop());
}

QCoro::QmlTask ServiceStatusTasks::restart()
{
    return answerOf(*m_status, "restart", m_status->restart());
}

} // namespace MicroIO::Qml
