// SPDX-License-Identifier: Apache-2.0
#include "scopes/errors_p.h"

#include <QStringList>

namespace MicroIO {

Cancelled::Cancelled(const QString &reason, bool timedOut)
    : m_reason(reason)
    , m_timedOut(timedOut)
{
}

Error::Error(const QString &message)
    : std::runtime_error(message.toStdString())
{
}

Error::~Error() = default;

QString Error::message() const
{
    return QString::fromUtf8(what());
}

#define MICROIO_DEFINE_ERROR(Name) \
    Name::Name(const QString &message) \
        : Error(message.isEmpty() ? QStringLiteral(#Name) : message) \
    { \
    } \
    Name::~Name() = default;

MICROIO_DEFINE_ERROR(TimeoutError)
MICROIO_DEFINE_ERROR(ClosedResourceError)
MICROIO_DEFINE_ERROR(BrokenResourceError)
MICROIO_DEFINE_ERROR(EndOfStream)
MICROIO_DEFINE_ERROR(WouldBlock)
MICROIO_DEFINE_ERROR(BusyResourceError)
MICROIO_DEFINE_ERROR(DuplicateRequestError)
MICROIO_DEFINE_ERROR(ServiceError)
MICROIO_DEFINE_ERROR(NotReadyError)
MICROIO_DEFINE_ERROR(TaskCancelledError)
MICROIO_DEFINE_ERROR(DeadlockError)
MICROIO_DEFINE_ERROR(WrongThreadError)
MICROIO_DEFINE_ERROR(DoNotRestart)
MICROIO_DEFINE_ERROR(TerminateSupervisor)

#undef MICROIO_DEFINE_ERROR

namespace {

QString groupMessage(const std::vector<std::exception_ptr> &exceptions)
{
    QStringList messages;
    for (const auto &exception : exceptions)
        messages += describe(exception);
    return QStringLiteral("%1 in a task group: %2")
        .arg(exceptions.size() == 1 ? QStringLiteral("an error")
                                    : QStringLiteral("%1 errors").arg(exceptions.size()),
             messages.join(QStringLiteral("; ")));
}

template<typename Exception>
QString withCauses(const QString &message, const Exception &exception)
{
    try {
        std::rethrow_if_nested(exception);
    } catch (...) {
        return QStringLiteral("%1: %2").arg(message, describe(std::current_exception()));
    }
    return message;
}

} // namespace

TaskGroupError::TaskGroupError(std::vector<std::exception_ptr> exceptions)
    : Error(groupMessage(exceptions))
    , m_exceptions(std::move(exceptions))
{
}

TaskGroupError::~TaskGroupError() = default;

QString describe(const std::exception_ptr &error)
{
    if (!error)
        return QStringLiteral("no error");
    try {
        std::rethrow_exception(error);
    } catch (const std::exception &e) {
        return withCauses(QString::fromUtf8(e.what()), e);
    } catch (const Cancelled &e) {
        return e.reason().isEmpty() ? QStringLiteral("cancelled")
                                    : QStringLiteral("cancelled: %1").arg(e.reason());
    } catch (...) {
        return QStringLiteral("an exception that is no std::exception");
    }
}

} // namespace MicroIO
