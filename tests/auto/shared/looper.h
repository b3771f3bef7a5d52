// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QCoreApplication>
#include <QEvent>
#include <QObject>
#include <QThread>

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace Tests {

/// A thread whose event loop runs what it is given. Every hop goes through a std::mutex of our own, so that
/// ThreadSanitizer sees the order, also that between the end of the thread and end().
class Looper : public QThread
{
public:
    Looper()
        : m_state(std::make_shared<State>())
    {
        start();
        std::unique_lock lock(m_state->mutex);
        m_state->changed.wait(lock, [this] { return m_state->door != nullptr; });
    }
    ~Looper() override { end(); }

    /// Runs \a job from the thread's event loop; drops it once that has ended. Any thread.
    void post(std::function<void()> job)
    {
        const std::lock_guard lock(m_state->mutex);
        if (!m_state->door)
            return;
        m_state->jobs.push_back(std::move(job));
        QCoreApplication::postEvent(m_state->door, new QEvent(QEvent::User));
    }

    /// The same, and blocks until it has run; gives its result, or throws its exception.
    template<typename Fn>
    auto call(Fn fn)
    {
        std::packaged_task<decltype(fn())()> task(std::move(fn));
        auto result = task.get_future();
        post([&task] { task(); });
        return result.get();
    }

    /// Ends the event loop, runs \a last on the thread, and blocks until the thread has gone with all that its
    /// thread storage holds.
    void end(std::function<void()> last = {})
    {
        if (last) {
            const std::lock_guard lock(m_state->mutex);
            m_state->last = std::move(last);
        }
        quit();
        wait();
        std::unique_lock lock(m_state->mutex);
        m_state->changed.wait(lock, [this] { return m_state->gone; });
    }

protected:
    void run() override
    {
        static thread_local Signaller signaller;
        signaller.state = m_state;
        Door door(m_state.get());
        {
            const std::lock_guard lock(m_state->mutex);
            m_state->door = &door;
            m_state->changed.notify_all();
        }
        exec();
        std::function<void()> last;
        {
            const std::lock_guard lock(m_state->mutex);
            m_state->door = nullptr;
            last.swap(m_state->last);
        }
        if (last)
            last();
    }

private:
    struct State
    {
        std::mutex mutex;
        std::condition_variable changed;
        QObject *door = nullptr; // guarded by mutex, as all that follows
        std::vector<std::function<void()>> jobs;
        std::function<void()> last;
        bool gone = false;
    };

    class Door : public QObject
    {
    public:
        explicit Door(State *state)
            : m_state(state)
        {
        }
        bool event(QEvent *event) override
        {
            if (event->type() != QEvent::User)
                return QObject::event(event);
            std::vector<std::function<void()>> jobs;
            {
                const std::lock_guard lock(m_state->mutex);
                jobs.swap(m_state->jobs);
            }
            for (const auto &job : jobs)
                job();
            return true;
        }

    private:
        State *m_state;
    };

    // Destroyed after the thread storage of Qt.
    struct Signaller
    {
        std::shared_ptr<State> state;
        ~Signaller()
        {
            if (!state)
                return;
            const std::lock_guard lock(state->mutex);
            state->gone = true;
            state->changed.notify_all();
        }
    };

    const std::shared_ptr<State> m_state;
};

/// From where something is done to a coroutine of a loop.
enum class From { OwnLoop, OtherLoop, PlainThread };

inline const char *nameOf(From from)
{
    switch (from) {
    case From::OwnLoop:
        return "own loop";
    case From::OtherLoop:
        return "other loop";
    case From::PlainThread:
        return "plain thread";
    }
    return "";
}

/// Does \a action there, the own loop being the calling thread's; returns when it is done.
inline void doFrom(From from, const std::function<void()> &action)
{
    if (from == From::OwnLoop) {
        action();
    } else if (from == From::OtherLoop) {
        Looper other;
        other.call(action);
    } else {
        std::thread(action).join();
    }
}

} // namespace Tests

Q_DECLARE_METATYPE(Tests::From)
