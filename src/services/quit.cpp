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

/// Its end, in the application's thread, stops what is to be stopped when the application quits.
class Stopper : public QObject
{
public:
    ~Stopper() override { StoppedOnQuit::stopAllThatAsked(Turning::WithoutLoop); }
};

/// On whatever thread emits it: newer Qt does that in exit(), though that is for the application's thread only.
void onAboutToQuit()
{
    auto *thread = QCoreApplication::instance()->thread();
    if (thread == QThread::currentThread()) {
        StoppedOnQuit::stopAllThatAsked(Turning::WithLoop);
        return;
    }
    // A queued call might come too late. Objects that are to be deleted are seen to in any case before exec() returns.
    auto *stopper = new Stopper;
    stopper->moveToThread(thread);
    stopper->deleteLater();
}

} // namespace

StoppedOnQuit::~StoppedOnQuit() = default;

void StoppedOnQuit::stopWhenQuitting(QObject *object, std::chrono::milliseconds limit)
{
    m_object = object;
    m_limit = limit;
    static QPointer<QCoreApplication> connected; // application's thread only
    auto *app = QCoreApplication::instance();
    if (connected == app)
        return;
    connected = app;
    QObject::connect(app, &QCoreApplication::aboutToQuit, app, onAboutToQuit, Qt::DirectConnection);
}

void StoppedOnQuit::stopAllThatAsked(Turning turning)
{
    for (auto *member : all()) {
        const auto members = all(); // who comes later may have gone with who came before
        if (std::find(members.begin(), members.end(), member) != members.end() && member->m_object)
            member->stopNow(turning);
    }
}

void StoppedOnQuit::stopNow(Turning turning)
{
    if (std::exchange(m_isQuitting, true))
        return; // newer Qt tells it again when somebody calls exit() meanwhile
    // Until this quitting is over, and not only this one's part of it; an application may run several times. It is deleted
    // when who has called exit() is back in the event loop, or exec() is about to return.
    auto *quitting = new QObject(m_object);
    QObject::connect(quitting, &QObject::destroyed, m_object, [this] { m_isQuitting = false; });
    quitting->deleteLater();
    turnUntilEnded(
        m_limit, [this](CancelScope scope) { return stopForQuit(scope); }, turning);
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

void turnUntilEnded(std::chrono::milliseconds limit, const std::function<QCoro::Task<>(CancelScope)> &job,
                    Turning turning)
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
        const bool hasTurned = turning == Turning::WithLoop
                               && loop.exec(QEventLoop::ExcludeUserInputEvents) != -1;
        if (!hasTurned && !isDone)
            QCoreApplication::processEvents(QEventLoop::ExcludeUserInputEvents
                                            | QEventLoop::WaitForMoreEvents);
    }
}

} // namespace MicroIO::Detail
