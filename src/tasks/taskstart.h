// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/tasks/taskcall.h>
#include <MicroIO/tasks/taskstatus.h>

#include <QCoroTask>

namespace MicroIO::Detail {

/// The function of TaskGroup::start() with its arguments.
template<typename T, typename Fn, typename... Args>
class StartCall
{
public:
    static_assert(CallOf<Fn, std::tuple<CancelScope, TaskStatus<T>>, std::tuple<Args...>>::isPossible,
                  "the function of start<T>() is called as fn(CancelScope, TaskStatus<T>, args...)");

    template<typename F, typename... A>
    explicit StartCall(std::shared_ptr<StartCoreOf<T>> start, F &&fn, A &&...args)
        : m_start(std::move(start))
        , m_fn(std::forward<F>(fn))
        , m_args(std::forward<A>(args)...)
    {
    }

    auto operator()(ScopeRef scope)
    {
        return callWith(m_fn, std::move(m_args), CancelScope(std::move(scope)), TaskStatus<T>(m_start));
    }

private:
    std::shared_ptr<StartCoreOf<T>> m_start;
    Fn m_fn;
    std::tuple<Args...> m_args;
};

template<typename R, typename Call>
class StartRecord final : public TaskRecord<R, Call>
{
public:
    StartRecord(GroupCore &group, Call &&call, std::shared_ptr<StartCore> start)
        : TaskRecord<R, Call>(group, std::move(call))
        , m_start(std::move(start))
    {
    }

private:
    bool divert(typename TaskCore::End end, const std::exception_ptr &error) override
    {
        return m_start->childEnded(end == TaskCore::End::Cancelled || end == TaskCore::End::NotBegun, error);
    }

    const std::shared_ptr<StartCore> m_start;
};

template<typename T, typename Fn, typename... Args>
Ref<TaskCore> makeStartTask(GroupCore &group, const std::shared_ptr<StartCoreOf<T>> &start, Fn &&fn,
                            Args &&...args)
{
    refuseEmptyCallable<std::decay_t<Fn>>(fn, "start() with an empty callable");
    using Call = StartCall<T, std::decay_t<Fn>, std::decay_t<Args>...>;
    using R = CallValue<Call, ScopeRef>;
    return Ref<TaskCore>::adopt(new StartRecord<R, Call>(
        group, Call(start, std::forward<Fn>(fn), std::forward<Args>(args)...), start));
}

/// While it lives, the caller's scope cancels the child that is starting.
class MICROIO_EXPORT StartLink
{
public:
    StartLink(const CancelScope &caller, const Ref<TaskCore> &child, const std::shared_ptr<StartCore> &start);
    ~StartLink();
    Q_DISABLE_COPY_MOVE(StartLink)

private:
    const CancelScope m_caller;
    const std::shared_ptr<StartCore> m_start;
    quint64 m_listener;
};

template<typename T>
QCoro::Task<T> awaitStart(CancelScope caller, Ref<GroupCore> group, Ref<TaskCore> child,
                          std::shared_ptr<StartCoreOf<T>> start)
{
    ScopedWait::requireLoop();
    if (caller.isCancelled())
        co_await caller.checkpoint(); // throws, as every wait on it does
    group->adopt(child.get());
    {
        const StartLink link(caller, child, start);
        co_await WaitOf<StartWait, StartCore *>(caller.state(), start.get());
    }
    start->throwUnlessReady(child->name(), *caller.state());
    co_return start->take();
}

} // namespace MicroIO::Detail
