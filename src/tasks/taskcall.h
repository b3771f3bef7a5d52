// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/tasks/groupcore.h>

#include <QCoroTask>

#include <functional>
#include <stdexcept>
#include <tuple>
#include <type_traits>

namespace MicroIO::Detail {

/// Where the leading arguments of the library (the scope, a status) go: to the front, but behind the object of
/// a pointer to a member function.
template<typename Fn, typename Lead, typename Args>
struct CallOf;

template<typename Fn, typename... Lead, typename... Args>
struct CallOf<Fn, std::tuple<Lead...>, std::tuple<Args...>>
{
    static constexpr bool isMember = false;
    static constexpr bool isPossible = std::is_invocable_v<Fn &, Lead..., Args...>;
};

template<typename Fn, typename... Lead, typename Object, typename... Args>
requires std::is_member_function_pointer_v<Fn>
struct CallOf<Fn, std::tuple<Lead...>, std::tuple<Object, Args...>>
{
    static constexpr bool isMember = true;
    static constexpr bool isPossible = std::is_invocable_v<Fn &, Object, Lead..., Args...>;
};

template<typename Fn, typename Args, typename... Lead>
auto callWith(Fn &fn, Args &&args, Lead... lead)
{
    using Call = CallOf<Fn, std::tuple<Lead...>, std::remove_cvref_t<Args>>;
    return std::apply(
        [&](auto &&...arg) {
            if constexpr (Call::isMember) {
                return [&](auto &&object, auto &&...rest) {
                    return std::invoke(fn, std::forward<decltype(object)>(object), std::move(lead)...,
                                       std::forward<decltype(rest)>(rest)...);
                }(std::forward<decltype(arg)>(arg)...);
            } else {
                return std::invoke(fn, std::move(lead)..., std::forward<decltype(arg)>(arg)...);
            }
        },
        std::forward<Args>(args));
}

/// A task's function with its arguments, kept until the task has ended.
template<typename Fn, typename... Args>
class TaskCall
{
public:
    static constexpr bool takesScope = CallOf<Fn, std::tuple<CancelScope>, std::tuple<Args...>>::isPossible;
    static_assert(
        takesScope || CallOf<Fn, std::tuple<>, std::tuple<Args...>>::isPossible,
        "the function of a task is called as fn(CancelScope, args...) or fn(args...); it takes neither");

    template<typename F, typename... A>
    explicit TaskCall(F &&fn, A &&...args)
        : m_fn(std::forward<F>(fn))
        , m_args(std::forward<A>(args)...)
    {
    }

    auto operator()(ScopeRef scope)
    {
        if constexpr (takesScope)
            return callWith(m_fn, std::move(m_args), CancelScope(std::move(scope)));
        else
            return callWith(m_fn, std::move(m_args));
    }

private:
    Fn m_fn;
    std::tuple<Args...> m_args;
};

template<typename T>
struct TaskValue
{
    static_assert(!sizeof(T), "the function of a task returns a QCoro::Task<T>");
};
template<typename T>
struct TaskValue<QCoro::Task<T>>
{
    using type = T;
};
template<typename Call, typename... Args>
using CallValue = typename TaskValue<std::invoke_result_t<Call &, Args...>>::type;

template<typename Fn>
bool isEmptyCallable(const Fn &fn)
{
    if constexpr (std::is_pointer_v<Fn> || std::is_member_pointer_v<Fn>)
        return fn == nullptr;
    else if constexpr (
        requires { fn == nullptr; } && std::is_class_v<Fn> && requires { fn.target_type(); })
        return fn == nullptr;
    else
        return false;
}

template<typename Fn>
void refuseEmptyCallable(const Fn &fn, const char *message)
{
    if (isEmptyCallable(fn))
        throw std::invalid_argument(message);
}

/// A task record for \a fn, not yet adopted by \a group.
template<typename Fn, typename... Args>
auto makeTask(GroupCore &group, Fn &&fn, Args &&...args)
{
    refuseEmptyCallable<std::decay_t<Fn>>(fn, "startSoon() with an empty callable");
    using Call = TaskCall<std::decay_t<Fn>, std::decay_t<Args>...>;
    using T = CallValue<Call, ScopeRef>;
    return Ref<TaskOf<T>>::adopt(
        new TaskRecord<T, Call>(group, Call(std::forward<Fn>(fn), std::forward<Args>(args)...)));
}

} // namespace MicroIO::Detail
