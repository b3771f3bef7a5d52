// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/microio_export.h>

#include <QCoroTask>

#include <chrono>
#include <functional>
#include <vector>

class QObject;

namespace MicroIO::Detail {

/// How the events are processed meanwhile: an event loop of its own also deletes what is to be deleted, but must not begin
/// while another thread may be ending the loops of this one.
enum class Turning { WithLoop, WithoutLoop };

/// What is stopped before the application may end. It is known from enlist() to delist(); those of the application's thread
/// are stopped by runApplication().
class MICROIO_EXPORT StoppedOnQuit
{
public:
    StoppedOnQuit() = default;
    virtual ~StoppedOnQuit();
    Q_DISABLE_COPY_MOVE(StoppedOnQuit)

    /// Stops it until \a limited is over, then gives up; \a limited ends by its deadline. What it gives must not need
    /// the object once it was suspended. On the application's thread.
    virtual QCoro::Task<> stopForQuit(CancelScope limited) = 0;

    virtual bool livesInApplicationThread() const = 0;

    /// Stops it within \a limit when the application is about to quit, while events are processed; called again, it changes
    /// the limit. It belongs to \a object. On the application's thread.
    void stopWhenQuitting(QObject *object, std::chrono::milliseconds limit);
    /// Stops, one after the other, those for which that was called. On the application's thread.
    static void stopAllThatAsked(Turning turning);

    /// All that live in the application's thread, the oldest first.
    static std::vector<StoppedOnQuit *> all();

protected:
    /// To be called when the object is whole, and before any of it goes: others may be asking on another thread.
    void enlist();
    void delist();

private:
    void stopNow(Turning turning);

    QObject *m_object = nullptr; // null unless it is to be stopped
    std::chrono::milliseconds m_limit{0};
    bool m_isQuitting = false;
};

/// Runs \a job, which gets a scope that ends after \a limit, while the event loop turns without user input, and returns
/// when it has ended.
MICROIO_EXPORT void turnUntilEnded(std::chrono::milliseconds limit,
                                   const std::function<QCoro::Task<>(CancelScope)> &job,
                                   Turning turning = Turning::WithLoop);

} // namespace MicroIO::Detail
