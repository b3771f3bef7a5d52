// SPDX-License-Identifier: Apache-2.0
#include "servicestatuscalls.h"

#include "logging_p.h"
#include "status/servicerows_p.h"
#include <MicroIO/Errors>

#include <QJSEngine>
#include <QMetaType>
#include <QPointer>

#include <exception>
#include <utility>

namespace MicroIO::Qml {

namespace {

ServiceStatus *makeCallableStatus(std::shared_ptr<Detail::ServiceSource> source,
                                  std::shared_ptr<Detail::ServiceEntry> entry, QObject *parent)
{
    return new CallableServiceStatus(std::move(source), std::move(entry), parent);
}

// When the library is loaded: QML finds the type of an extension's method by its name, before any of it is made.
[[maybe_unused]] const bool isReady = [] {
    qRegisterMetaType<ServiceCall>();
    Detail::setMakeStatus(makeCallableStatus);
    return true;
}();

/// What the caller is told: nothing, or what went wrong.
QCoro::Task<QVariant> answer(QCoro::Task<> task, QPointer<QJSEngine> engine, QString what)
{
    QString error;
    try {
        co_await task;
    } catch (const std::exception &) {
        error = describe(std::current_exception());
        qCWarning(logQml).noquote() << what << error;
    }
    if (!engine)
        throw Cancelled(QStringLiteral("the QML engine has gone")); // with the callback
    co_return QVariant(error);
}

ServiceCall answerOf(const ServiceStatus &status, const char *function, QCoro::Task<> task)
{
    auto *engine = qjsEngine(&status);
    const QString what = QStringLiteral("%1%2() of service \"%3\" has failed:")
                             .arg(runningLine(engine), QLatin1String(function), status.name());
    return {answer(std::move(task), engine, what), engine};
}

ServiceCall start(ServiceStatus &status)
{
    return answerOf(status, "start", status.start());
}

ServiceCall stop(ServiceStatus &status)
{
    return answerOf(status, "stop", status.stop());
}

ServiceCall restart(ServiceStatus &status)
{
    return answerOf(status, "restart", status.restart());
}

} // namespace

ServiceStatusCalls::ServiceStatusCalls(QObject *status)
    : QObject(status)
    , m_status(qobject_cast<ServiceStatus *>(status))
{
    Q_ASSERT(m_status);
}

ServiceCall ServiceStatusCalls::start()
{
    return Qml::start(*m_status);
}

ServiceCall ServiceStatusCalls::stop()
{
    return Qml::stop(*m_status);
}

ServiceCall ServiceStatusCalls::restart()
{
    return Qml::restart(*m_status);
}

ServiceCall CallableServiceStatus::start()
{
    return Qml::start(*this);
}

ServiceCall CallableServiceStatus::stop()
{
    return Qml::stop(*this);
}

ServiceCall CallableServiceStatus::restart()
{
    return Qml::restart(*this);
}

} // namespace MicroIO::Qml
