// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Errors>
#include <MicroIO/scopes/foreignwait.h>

#include <QMetaObject>
#include <QObject>

#include <stdexcept>
#include <string_view>
#include <tuple>

namespace MicroIO::Detail {

inline void refuseNullSender(const QObject *sender)
{
    if (!sender)
        throw std::invalid_argument("cancellable(nullptr, signal): pass the object whose signal is awaited");
}

/// A signal that only its class may emit has a last argument of a private type, which is no value.
template<typename T>
constexpr bool isPrivateSignal()
{
    return std::string_view(Q_FUNC_INFO).find("QPrivateSignal") != std::string_view::npos;
}

template<typename... Args>
struct SignalValue
{
    using type = std::tuple<std::decay_t<Args>...>;
};
template<>
struct SignalValue<>
{
    using type = void;
};
template<typename Arg>
struct SignalValue<Arg>
{
    using type = std::decay_t<Arg>;
};

/// Connects a slot with exactly the arguments that are values.
template<typename... Args>
struct SignalArguments
{
    using Value = typename SignalValue<Args...>::type;
    using Result = ForeignResult<Value>;

    static auto slot(std::shared_ptr<Result> result)
    {
        return [result = std::move(result)](const std::decay_t<Args> &...args) {
            result->happen([&] {
                if constexpr (!std::is_void_v<Value>)
                    result->value.emplace(args...);
            });
        };
    }
};

template<typename Done, typename... Rest>
struct ValueArguments;
template<typename... Done>
struct ValueArguments<std::tuple<Done...>>
{
    using type = SignalArguments<Done...>;
};
template<typename... Done, typename First, typename... Rest>
struct ValueArguments<std::tuple<Done...>, First, Rest...>
{
    using type = typename std::conditional_t<sizeof...(Rest) == 0 && isPrivateSignal<First>(),
                                             ValueArguments<std::tuple<Done...>>,
                                             ValueArguments<std::tuple<Done..., First>, Rest...>>::type;
};

template<typename Signal>
struct SignalOf;
template<typename Class, typename Return, typename... Args>
struct SignalOf<Return (Class::*)(Args...)> : ValueArguments<std::tuple<>, Args...>::type
{
};
template<typename Class, typename Return, typename... Args>
struct SignalOf<Return (Class::*)(Args...) const> : ValueArguments<std::tuple<>, Args...>::type
{
};

template<typename Sender, typename Signal>
class SignalWait final : public ScopedWait
{
public:
    using Arguments = SignalOf<Signal>;
    using Value = typename Arguments::Value;

    SignalWait(ScopeRef scope, Sender *sender, Signal signal)
        : ScopedWait(std::move(scope))
        , m_sender(sender)
        , m_signal(signal)
    {
    }

    Value await_resume()
    {
        checkOutcome();
        return m_result->take();
    }

    const char *waitsFor() const override { return "signal"; }
    bool isForeign() const final { return true; }

private:
    bool enter() override
    {
        m_result = std::make_shared<typename Arguments::Result>();
        m_result->attach(this);
        m_emitted = QObject::connect(m_sender, m_signal, m_sender, Arguments::slot(m_result),
                                     Qt::DirectConnection);
        m_destroyed = QObject::connect(
            m_sender, &QObject::destroyed, m_sender,
            [result = m_result] {
                result->happen([&] {
                    result->error = std::make_exception_ptr(BrokenResourceError(
                        QStringLiteral("the sender was destroyed before it emitted the signal")));
                });
            },
            Qt::DirectConnection);
        return false;
    }

    bool mayBeReadyAtOnce() const override { return false; }

    void leave() override
    {
        if (!m_result)
            return;
        m_result->forget();
        QObject::disconnect(m_emitted);
        QObject::disconnect(m_destroyed);
    }

    Sender *const m_sender;
    const Signal m_signal;
    std::shared_ptr<typename Arguments::Result> m_result;
    QMetaObject::Connection m_emitted;
    QMetaObject::Connection m_destroyed;
};

} // namespace MicroIO::Detail
