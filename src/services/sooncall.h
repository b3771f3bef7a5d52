// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/loop/readyitem.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace MicroIO::Detail {

class ServicePrivate;

/// A function on its way to a service's thread, for which nobody waits. It deletes itself there.
class MICROIO_EXPORT SoonCall : public ReadyItem
{
public:
    explicit SoonCall(std::shared_ptr<ServicePrivate> service);
    ~SoonCall() override;

    void run() final;
    void discard() final;

private:
    virtual void call() = 0;

    const std::shared_ptr<ServicePrivate> m_service;
};

template<typename Fn>
class SoonCallOf final : public SoonCall
{
    static_assert(std::is_invocable_v<Fn &>, "callSoon() calls fn(): it takes no arguments");
    static_assert(std::is_nothrow_destructible_v<Fn>, "the destructor of a callable must not throw");

public:
    template<typename F>
    SoonCallOf(std::shared_ptr<ServicePrivate> service, F &&fn)
        : SoonCall(std::move(service))
        , m_fn(std::forward<F>(fn))
    {
    }

private:
    void call() override { static_cast<void>(std::invoke(m_fn)); }

    Fn m_fn;
};

} // namespace MicroIO::Detail
