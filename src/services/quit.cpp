// SPDX-License-Identifier: Apache-2.0
#include "services/quit_p.h"

#include "loop/logging_p.h"
#include <MicroIO/Clock>

#include <QCoreApplication>
#include <QEventLoop>
#include <QPointer>
#include <QThread>

#include <algorithm>
#include <mutex>
#include <utility>

namespace MicroIO::Detail {

namespace {

struct QuitList
{
    std::mutex mutex;
    std::vector<StoppedOnQuit *> members; // guarded by mutex
};

QuitList &quitList()
{
    static auto *instance = new QuitList; // never destroyed: members may be static
    return *instance;
}

/// Its end delivers the calls that are queued for its thread.
class QueuedCallsDeliverer : public QObject
{
public:
    ~QueuedCallsDeliverer() override { QCoreApplication::sendPostedEvents(nullptr, QEvent::MetaCall); }
};

} // namespace

StoppedOnQuit::~StoppedOnQuit() = default;

void StoppedOnQuit::stopWhenQuitting(QObject *object, std::chrono::milliseconds limit)
{
    m_limit = limit;
    if (std::exchange(m_isConnected, true))
        return;
    auto *app = QCoreApplication::instance();
    const auto stop = [this, guard = QPointer(object)] {
        if (std::exchange(m_isQuitting, true))
            return; // asked to quit once more meanwhile, which newer Qt signals again
        turnUntilEnded(m_limit, [this](CancelScope scope) { return stopForQuit(scope); });
        if (guard)
            m_isQuitting = false; // an application may run several times
    };
    QObject::connect(app, &QCoreApplication::aboutToQuit, object, stop);
    // Newer Qt emits it in exit(), on whatever thread calls that, and the event loop may be left before the call is
    // delivered that is queued then. Objects that are to be deleted are seen to in any case before exec() returns.
    const auto deliver = [app] {
        if (QThread::currentThread() == app->thread())
            return;
        auto *deliverer = new QueuedCallsDeliverer;
        deliverer->moveToThread(app->thread());
        deliverer->deleteLater();
    };
    QObject::connect(app, &QCoreApplication::aboutToQuit, object, deliver, Qt::DirectConnection);
}

void StoppedOnQuit::enlist()
{
    auto &r = quitList();
    const std::lock_guard lock(r.mutex);
    r.members.push_back(this);
}

void StoppedOnQuit::delist()
{
    auto &r = quitList();
    const std::lock_guard lock(r.mutex);
    std::erase(r.members, this);
}

std::vector<StoppedOnQuit *> StoppedOnQuit::all()
{
    auto &r = quitList();
    const std::lock_guard lock(r.mutex);
    std::vector<StoppedOnQuit *> members;
    std::copy_if(r.members.begin(), r.members.end(), std::back_inserter(members),
                 [](const auto *member) { return member->livesInApplicationThread(); });
    return members;
}

void turnUntilEnded(std::chrono::milliseconds limit, const std::function<QCoro::Task<>(CancelScope)> &job)
{
    QEventLoop loop;
    bool isDone = false;
    const auto watch = [&](CancelScope scope) -> QCoro::Task<> {
        try {
            auto running = job(scope);
            co_await running;
        } catch (const Cancelled &) {
            // the limit has passed
        } catch (...) {
            qCCritical(logService).noquote()
                << "Stopping for the application's end has failed:" << describe(std::current_exception());
        }
        isDone = true;
        loop.quit();
    };
    const auto watched = watch(CancelScope().child(deadlineAfter(limit)));
    while (!isDone) {
        // Who asks the application to quit once more ends this loop, and lets no other one begin.
        if (loop.exec(QEventLoop::ExcludeUserInputEvents) == -1 && !isDone)
            QCoreApplication::processEvents(QEventLoop::ExcludeUserInputEvents
                                            | QEventLoop::WaitForMoreEvents);
    }
}

} // namespace MicroIO::Detail
