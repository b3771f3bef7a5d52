// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Errors>
#include <MicroIO/scopes/scopedwait.h>

#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <variant>

namespace MicroIO {

namespace Detail {

/// Between a child that is starting and the coroutine that waits until it is ready.
class MICROIO_EXPORT StartCore
{
public:
    StartCore() = default;
    virtual ~StartCore();
    Q_DISABLE_COPY_MOVE(StartCore)

    /// True while the child is neither ready nor has ended, and somebody waits for that.
    bool isStarting() const;

    /// The child has ended: true if it did so before it was ready, so that \a error is the starter's.
    bool childEnded(bool isCancelled, const std::exception_ptr &error);

    /// True if it is decided already.
    bool attach(Suspension *wait);
    void detach();
    /// Nobody waits any more.
    void forget();

    /// After the wait: throws if the child ended before it was ready.
    void throwUnlessReady(const QString &name, ScopeState &caller) const;

protected:
    /// Stores with \a store and wakes the starter. Throws std::logic_error the second time.
    template<typename Store>
    bool ready(Store &&store)
    {
        const std::lock_guard lock(m_mutex);
        if (m_called)
            throw std::logic_error(
                "TaskStatus::started() was called a second time; call it once, when the task is ready");
        m_called = true;
        if (m_state != State::Starting)
            return false;
        store();
        decide(State::Ready);
        return true;
    }

private:
    enum class State : quint8 { Starting, Ready, Returned, Failed, Cancelled, Forgotten };

    void decide(State state);

    mutable std::mutex m_mutex;
    State m_state = State::Starting; // guarded by m_mutex
    bool m_called = false; // guarded by m_mutex
    std::exception_ptr m_error; // guarded by m_mutex
    Suspension *m_wait = nullptr; // guarded by m_mutex
};

template<typename T>
class StartCoreOf final : public StartCore
{
public:
    bool started(T value)
    {
        return ready([&] { m_value.emplace(std::move(value)); });
    }
    T take() { return std::move(*m_value); }

private:
    std::optional<T> m_value;
};

template<>
class StartCoreOf<void> final : public StartCore
{
public:
    bool started()
    {
        return ready([] {});
    }
    void take() {}
};

class MICROIO_EXPORT StartWait final : public ScopedWait
{
public:
    StartWait(ScopeRef scope, StartCore *start);
    ~StartWait() override;

    void await_resume() const { checkOutcome(); }
    const char *waitsFor() const override { return "start of a task"; }

private:
    bool enter() override;
    void leave() override;

    StartCore *const m_start;
};

} // namespace Detail

/// With which a child that was begun by TaskGroup::start() tells that it is ready.
///
/// A copyable, thread-safe value: started() may be called from any thread. After Trio's and AnyIO's task status.
template<typename T = void>
class TaskStatus
{
public:
    /// The child is ready, and start() returns \a value. Throws std::logic_error the second time. False if nobody
    /// takes it: the child has ended, or the task group was destroyed.
    bool started(T value) const { return d->started(std::move(value)); }

    /// For the library.
    explicit TaskStatus(std::shared_ptr<Detail::StartCoreOf<T>> start)
        : d(std::move(start))
    {
    }

private:
    std::shared_ptr<Detail::StartCoreOf<T>> d;
};

template<>
class TaskStatus<void>
{
public:
    /// The child is ready, and start() returns. Throws std::logic_error the second time.
    bool started() const { return d->started(); }

    explicit TaskStatus(std::shared_ptr<Detail::StartCoreOf<void>> start)
        : d(std::move(start))
    {
    }

private:
    std::shared_ptr<Detail::StartCoreOf<void>> d;
};

} // namespace MicroIO
