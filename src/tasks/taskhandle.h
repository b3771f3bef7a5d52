// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/tasks/taskcore.h>

namespace MicroIO {

namespace Detail {

class MICROIO_EXPORT ResultWaitBase : public ListedWait
{
public:
    const char *waitsFor() const override { return "result of a task"; }

protected:
    ResultWaitBase(ScopeRef scope, TaskCore &task);
    ~ResultWaitBase() override;

private:
    bool enter() override;
    void leave() override;

    TaskCore &m_task;
};

template<typename T>
class ResultWait final : public ResultWaitBase
{
public:
    ResultWait(ScopeRef scope, Ref<TaskOf<T>> task)
        : ResultWaitBase(std::move(scope), *task)
        , m_task(std::move(task))
    {
    }

    T await_resume()
    {
        checkOutcome();
        return m_task->value();
    }

private:
    Ref<TaskOf<T>> m_task;
};

} // namespace Detail

/// A child of a task group, for those who want its result or its end. A copyable, thread-safe value; dropping it
/// changes nothing. An empty one (default-constructed) has no task: only isValid() may be called.
template<typename T>
class TaskHandle
{
public:
    TaskHandle() = default;

    bool isValid() const { return bool(m_task); }

    /// co_await: what the child returned; a value that cannot be copied goes to the first who asks, and further ones
    /// get a std::logic_error. Throws the child's error (which its group reports, once), TaskCancelledError if the
    /// child was cancelled, and Cancelled when \a scope, that of who waits, is cancelled; the child goes on then.
    auto result(CancelScope scope) const
    {
        return Detail::WaitOf<Detail::ResultWait<T>, Detail::Ref<Detail::TaskOf<T>>>(scope.state(), m_task);
    }

    /// Cancels this child only. See CancelScope::cancel(). Any thread.
    bool cancel(const QString &reason = {}) const { return m_task->cancel(reason); }

    /// True once the child has ended and its frame, its callable and its arguments are destroyed. Any thread.
    bool isFinished() const { return m_task->isSettled(); }

    /// As given to startSoon(); "task N" without a name.
    QString name() const { return m_task->name(); }

    /// For the library.
    explicit TaskHandle(Detail::Ref<Detail::TaskOf<T>> task)
        : m_task(std::move(task))
    {
    }

private:
    Detail::Ref<Detail::TaskOf<T>> m_task;
};

} // namespace MicroIO
