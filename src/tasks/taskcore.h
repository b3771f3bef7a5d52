// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/scopes/waitlist.h>

#include <QCoroTask>

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace MicroIO::Detail {

class GroupCore;

/// One child of a task group: its cancel scope, its place in the scheduler's queue, and its outcome.
///
/// It keeps itself alive from the moment it is adopted until it is settled.
class MICROIO_EXPORT TaskCore : public ScopeState, public ReadyItem
{
public:
    GroupCore &group() const;

    QString name() const { return displayName(); }
    void setName(const QString &name);

    bool isSettled() const { return m_stage.load(std::memory_order_acquire) == Stage::Settled; }

    const void *doomedTree() const final { return ScopeState::doomedTree(); }
    void run() final;
    void discard() final;

    /// For those who await the result; guarded by the tree's mutex.
    bool addResultWait(ListedWait *wait);
    void removeResultWait(ListedWait *wait);

    /// After it is settled: throws if the child failed or was cancelled.
    void throwUnlessValue() const;
    [[noreturn]] void throwTaken() const;

protected:
    explicit TaskCore(GroupCore &group);
    ~TaskCore() override;

    QString displayName() const override;
    ReadyItem *queuedHere() override;

    enum class End : quint8 { Value, Failed, Cancelled, NotBegun };

    std::exception_ptr error() const { return m_error; }

    /// When the coroutine awaited by it has ended: may be called on a foreign thread, inside of that coroutine.
    std::coroutine_handle<> makeEndReporter();

private:
    friend class GroupCore;
    struct EndReporter;
    static EndReporter reportEnd(TaskCore *task);

    /// Calls the function. True if its coroutine has ended already; else it resumes an end reporter.
    virtual bool begin() = 0;
    /// Stores the coroutine's value, or gives what it threw.
    virtual std::exception_ptr collect() = 0;
    /// Destroys the coroutine's frame, then the callable and its arguments.
    virtual void cleanUp() = 0;
    /// True if the outcome is somebody else's business than the group's: see TaskGroup::start().
    virtual bool divert(End end, const std::exception_ptr &error);

    void bodyEnded();
    void settle(bool hasBegun);

    enum class Stage : quint8 { Queued, Running, Ended, Settled };

    std::atomic<Stage> m_stage{Stage::Queued};
    End m_end = End::Value;
    const quint32 m_number;
    std::unique_ptr<QString> m_name;
    std::exception_ptr m_error;
    WaitList m_resultWaits; // guarded by the tree's mutex
    alignas(void *) std::byte m_reporterFrame[48];
};

/// What a coroutine that has ended threw, if it did.
MICROIO_EXPORT std::exception_ptr errorOf(const QCoro::Task<void> &task);

/// The part of a task that knows what it gives.
template<typename T>
class TaskOf : public TaskCore
{
public:
    T value()
    {
        throwUnlessValue();
        if constexpr (std::is_copy_constructible_v<T>) {
            return *m_value;
        } else {
            // others may ask on other threads
            auto value = this->locked([this] { return std::exchange(m_value, std::nullopt); });
            if (!value)
                this->throwTaken();
            return *std::move(value);
        }
    }

protected:
    using TaskCore::TaskCore;

    std::exception_ptr store(const QCoro::Task<T> &task)
    {
        try {
            m_value.emplace(task.operator co_await().await_resume());
            return {};
        } catch (...) {
            return std::current_exception();
        }
    }

private:
    std::optional<T> m_value;
};

template<>
class TaskOf<void> : public TaskCore
{
public:
    void value() { throwUnlessValue(); }

protected:
    using TaskCore::TaskCore;

    std::exception_ptr store(const QCoro::Task<void> &task) { return errorOf(task); }
};

/// A task with what it runs. \a Invoke is a callable (CancelScope) -> QCoro::Task<T> that lives until the
/// coroutine has ended.
template<typename T, typename Invoke>
class TaskRecord : public TaskOf<T>
{
public:
    TaskRecord(GroupCore &group, Invoke &&invoke)
        : TaskOf<T>(group)
        , m_invoke(std::move(invoke))
    {
    }

private:
    bool begin() override
    {
        m_task.emplace((*m_invoke)(ScopeRef(this)));
        if (m_task->isReady())
            return true;
        m_task->operator co_await().await_suspend(this->makeEndReporter());
        return false;
    }

    std::exception_ptr collect() override { return this->store(*m_task); }

    void cleanUp() override
    {
        m_task.reset();
        m_invoke.reset();
    }

    std::optional<Invoke> m_invoke;
    std::optional<QCoro::Task<T>> m_task;
};

} // namespace MicroIO::Detail
