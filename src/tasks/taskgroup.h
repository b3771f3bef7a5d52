// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/Subscription>
#include <MicroIO/scopes/temporarycheck.h>
#include <MicroIO/tasks/groupwait.h>
#include <MicroIO/tasks/taskhandle.h>
#include <MicroIO/tasks/taskstart.h>

#include <QCoroTask>
#include <QString>
#include <QStringList>

#include <exception>
#include <functional>
#include <optional>

class QObject;

namespace MicroIO {

namespace Detail {

template<typename T>
concept TaskName = std::is_convertible_v<T, QString>;

/// What TaskGroup and TaskGroupHandle have in common.
class MICROIO_EXPORT GroupAccess
{
public:
    /// Starts a child: \a fn is called as fn(scope, args...) if it takes a scope, else as fn(args...), pointers to
    /// member functions as (object->*fn)(...), in the next turn of the group's loop and on its thread. \a fn and
    /// \a args live until the child has ended. Throws ClosedResourceError once the group has ended,
    /// std::invalid_argument for an empty callable.
    /// Returns a TaskHandle.
    template<typename Fn, typename... Args>
    requires(!TaskName<Fn>) auto startSoon(Fn &&fn, Args &&...args) const
    {
        return guarded<Fn>(adopt(makeTask(*d, std::forward<Fn>(fn), std::forward<Args>(args)...)));
    }

    /// The same with a name for messages and for taskNames().
    template<typename Fn, typename... Args>
    auto startSoon(const QString &name, Fn &&fn, Args &&...args) const
    {
        auto task = makeTask(*d, std::forward<Fn>(fn), std::forward<Args>(args)...);
        task->setName(name);
        return guarded<Fn>(adopt(std::move(task)));
    }

    /// Starts a child that tells when it is ready, called as fn(CancelScope, TaskStatus<T>, args...), and gives what
    /// it passed to started(). If \a caller is cancelled already, Cancelled is thrown and \a fn never called. Else
    /// it ends only when the child is ready or has ended; until then \a caller's cancellation cancels the child,
    /// afterwards not. A child that ends before: its error, unwrapped, and the group does not hear of it;
    /// NotReadyError if it returned; if it was cancelled, Cancelled when \a caller is too, else TaskCancelledError.
    template<typename T = void, typename Fn, typename... Args>
    QCoro::Task<T> start(CancelScope caller, Fn &&fn, Args &&...args) const
    {
        MICROIO_CHECK_TEMPORARY(Fn);
        auto core = std::make_shared<StartCoreOf<T>>();
        auto child = makeStartTask<T>(*d, core, std::forward<Fn>(fn), std::forward<Args>(args)...);
        return awaitStart<T>(std::move(caller), d, std::move(child), std::move(core));
    }

    /// Cancels all children; the group takes further ones still, which end at their first wait. A normal end: no
    /// error. True for the first cause only, see CancelScope::cancel(). Any thread.
    bool cancel(const QString &reason = {}) const { return d->cancel(reason); }

    /// The scope above all children.
    CancelScope scope() const { return CancelScope(d); }

    /// The number of children that have not ended. Any thread.
    qsizetype size() const { return d->size(); }

    /// The names of the children that have not ended, oldest first. Any thread.
    QStringList taskNames() const { return d->taskNames(); }

protected:
    explicit GroupAccess(Ref<GroupCore> group)
        : d(std::move(group))
    {
    }

    const Ref<GroupCore> &core() const { return d; }

private:
    template<typename T>
    TaskHandle<T> adopt(Ref<TaskOf<T>> task) const
    {
        d->adopt(task.get());
        return TaskHandle<T>(std::move(task));
    }

    Ref<GroupCore> d;
};

} // namespace Detail

/// A task group as a value for others. Copyable, thread-safe, safe to keep: once the group has ended, startSoon()
/// and start() throw ClosedResourceError and never call the function.
class TaskGroupHandle : public Detail::GroupAccess
{
public:
    /// For the library.
    explicit TaskGroupHandle(Detail::Ref<Detail::GroupCore> group)
        : GroupAccess(std::move(group))
    {
    }
};

/// Owns coroutines: nothing that was started in it outlives it.
///
/// As a member of a QObject it is an *open* group: its children are independent of one another, an error goes to
/// onError(), or to the log if nobody listens, and cancels nobody. Declare it as the last member, and destroy it
/// on its own thread: when the destructor returns, every child suspended in a wait on the group's scope, or
/// on one derived from it, has been unwound on the spot. What cannot be unwound is named in a critical log line.
/// withTaskGroup() makes the other kind, in which the first error cancels the siblings.
///
/// Neither copied nor moved. Its functions are called on its own thread; cancel(), scope(), size(), taskNames()
/// and handle() on any.
class MICROIO_EXPORT TaskGroup : public Detail::GroupAccess
{
public:
    /// An open group. It belongs to the thread that \a owner lives in at the first startSoon(), and is cancelled
    /// when \a owner is destroyed. Throws std::invalid_argument for null.
    explicit TaskGroup(QObject *owner);
    ~TaskGroup();
    Q_DISABLE_COPY_MOVE(TaskGroup)

    TaskGroupHandle handle() const { return TaskGroupHandle(core()); }

    /// co_await: until the group has no children. Throws Cancelled when \a scope is cancelled.
    auto join(CancelScope scope) const
    {
        return Detail::WaitOf<Detail::JoinWait, Detail::Ref<Detail::GroupCore>>(scope.state(), core());
    }

    /// Calls \a callback for each child of an open group that fails, on the thread of \a context, from its event
    /// loop. Gone with its context or by disconnect(). Throws std::invalid_argument for a null context or an empty
    /// callback. Any thread.
    Subscription onError(QObject *context, std::function<void(std::exception_ptr)> callback) const;

    /// For withTaskGroup() and services: a group below \a scope, whose first error cancels the siblings.
    explicit TaskGroup(const CancelScope &scope);
    const Detail::Ref<Detail::GroupCore> &core() const { return GroupAccess::core(); }
};

namespace Detail {

template<typename Body>
auto callGroupBody(Body &body, TaskGroup &group)
{
    if constexpr (std::is_invocable_v<Body &, TaskGroup &, CancelScope>)
        return body(group, group.scope());
    else
        return body(group);
}

/// What a body is kept as: a copy, or a reference to a named one that cannot be copied.
template<typename Body>
using Kept =
    std::conditional_t<std::is_lvalue_reference_v<Body> && !std::is_copy_constructible_v<std::decay_t<Body>>,
                       Body, std::decay_t<Body>>;

template<typename T>
using OrCancelled =
    std::conditional_t<std::is_void_v<T>, bool, std::optional<std::conditional_t<std::is_void_v<T>, int, T>>>;

template<typename T, typename Body>
QCoro::Task<OrCancelled<T>> runTaskGroup(CancelScope scope, Kept<Body> body)
{
    TaskGroup group(scope);
    OrCancelled<T> value{};
    std::exception_ptr cancelled;
    try {
        auto task = callGroupBody(body, group);
        if constexpr (std::is_void_v<T>) {
            co_await task;
            value = true;
        } else {
            value.emplace(co_await task);
        }
    } catch (const Cancelled &) {
        cancelled = std::current_exception();
        group.core()->bodyThrew(cancelled, true);
    } catch (...) {
        group.core()->bodyThrew(std::current_exception(), false);
    }
    co_await WaitOf<GroupEndWait, Ref<GroupCore>>(group.core(), group.core());
    group.core()->conclude(cancelled, *scope.state());
    co_return value;
}

} // namespace Detail

/// Runs \a body with a task group and ends only after the last child has, on every path.
///
/// \a body is called as body(group) or body(group, group.scope()) and returns a QCoro::Task<T>. The first error
/// of a child or of the body cancels all others; when all have ended, they are thrown together as a
/// TaskGroupError. Cancelling the group is a normal end. Gives the body's value, cancelled or not; std::nullopt
/// (false for a Task<void>) exactly if the body itself ended by a Cancelled that was absorbed here: somebody
/// had cancelled the group, and not \a scope. After AnyIO's and Trio's nurseries, and microio's task groups.
template<typename Body>
auto withTaskGroup(CancelScope scope, Body &&body)
{
    MICROIO_CHECK_TEMPORARY(Body);
    Detail::refuseEmptyCallable<std::decay_t<Body>>(body, "withTaskGroup() with an empty body");
    using Task = decltype(Detail::callGroupBody(body, std::declval<TaskGroup &>()));
    return Detail::runTaskGroup<typename Detail::TaskValue<Task>::type, Body>(std::move(scope),
                                                                              std::forward<Body>(body));
}

} // namespace MicroIO
