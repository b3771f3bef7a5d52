// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QString>

#include <exception>
#include <stdexcept>
#include <vector>

namespace MicroIO {

/// Thrown by a wait whose scope was cancelled (or whose event loop has ended).
///
/// Deliberately not a std::exception, so that catch (const std::exception &) in a retry loop does not swallow
/// it. Catch it to clean up, then rethrow it: who swallows it gets it again from the next wait.
class MICROIO_EXPORT Cancelled
{
public:
    explicit Cancelled(const QString &reason = {}, bool timedOut = false);

    /// Why the scope was cancelled, as told by who cancelled it first.
    QString reason() const { return m_reason; }

    /// True if the scope's own deadline cancelled it. See CancelScope::timedOut().
    bool timedOut() const { return m_timedOut; }

private:
    QString m_reason;
    bool m_timedOut = false;
};

/// The base of all errors of this library. The cause, if there is one, is nested in it: see
/// std::rethrow_if_nested() and describe().
class MICROIO_EXPORT Error : public std::runtime_error
{
public:
    explicit Error(const QString &message = {});
    Error(const Error &) = default;
    Error &operator=(const Error &) = default;
    ~Error() override;

    QString message() const;
};

#define MICROIO_DECLARE_ERROR(Name) \
    class MICROIO_EXPORT Name : public Error \
    { \
    public: \
        explicit Name(const QString &message = {}); \
        Name(const Name &) = default; \
        Name &operator=(const Name &) = default; \
        ~Name() override; \
    };

/// A limit has passed.
MICROIO_DECLARE_ERROR(TimeoutError)
/// The object was closed by its own side.
MICROIO_DECLARE_ERROR(ClosedResourceError)
/// The other side is gone or has failed.
MICROIO_DECLARE_ERROR(BrokenResourceError)
/// The stream was closed, and all that was in it has been received.
MICROIO_DECLARE_ERROR(EndOfStream)
/// The channel is full.
MICROIO_DECLARE_ERROR(WouldBlock)
/// Another receive is waiting already.
MICROIO_DECLARE_ERROR(BusyResourceError)
/// A request with this key is pending already.
MICROIO_DECLARE_ERROR(DuplicateRequestError)
/// The service has failed, has ended or is not running.
MICROIO_DECLARE_ERROR(ServiceError)
/// A child ended without having called TaskStatus::started().
MICROIO_DECLARE_ERROR(NotReadyError)
/// The result of a child that was cancelled, for those who await its handle.
MICROIO_DECLARE_ERROR(TaskCancelledError)
/// The wait was refused, because it would never have ended.
MICROIO_DECLARE_ERROR(DeadlockError)
/// Use from a foreign thread, or a wait on a thread without an event loop.
MICROIO_DECLARE_ERROR(WrongThreadError)
/// Thrown by a service: its supervisor leaves it down.
MICROIO_DECLARE_ERROR(DoNotRestart)
/// Thrown by a service: its supervisor ends itself.
MICROIO_DECLARE_ERROR(TerminateSupervisor)

#undef MICROIO_DECLARE_ERROR

/// Children of a task group have failed, or its body has. Cancelled is never among exceptions().
class MICROIO_EXPORT TaskGroupError : public Error
{
public:
    explicit TaskGroupError(std::vector<std::exception_ptr> exceptions);
    TaskGroupError(const TaskGroupError &) = default;
    TaskGroupError &operator=(const TaskGroupError &) = default;
    ~TaskGroupError() override;

    /// In the order in which they were thrown.
    const std::vector<std::exception_ptr> &exceptions() const { return m_exceptions; }

private:
    std::vector<std::exception_ptr> m_exceptions;
};

/// The message of \a error with those of all errors nested in it, for logs and for people.
MICROIO_EXPORT QString describe(const std::exception_ptr &error);

} // namespace MicroIO
