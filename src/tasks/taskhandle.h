// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/scopes/temporarycheck.h>
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

namespace Detail {

/// What startSoon() gives for a temporary that g++ 12 would destroy twice if this were awaited in the same expression.
/// See temporarycheck.h.
template<typename T>
class HandleOfTemporary : public TaskHandle<T>
{
public:
    explicit HandleOfTemporary(TaskHandle<T> handle)
        : TaskHandle<T>(std::move(handle))
    {
    }

    auto result(CancelScope scope) const & { return TaskHandle<T>::result(std::move(scope)); }
    template<typename Scope>
    auto result(Scope &&) &&
    {
        static_assert(
            !sizeof(Scope),
            "g++ 12 destroys this temporary twice inside a co_await expression: give the callable a name first "
            "and pass that, or capture by reference, or keep the handle and await it in the next statement");
    }
};

/// \a handle of a task that was started with an Fn.
template<typename Fn, typename T>
auto guarded(TaskHandle<T> handle)
{
    if constexpr (isDestroyedTwice<Fn>)
        return HandleOfTemporary<T>(std::move(handle));
    else
        return handle;
}

} // namespace Detail

} // namespace MicroIO
