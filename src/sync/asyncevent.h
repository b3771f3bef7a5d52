// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/Errors>
#include <MicroIO/scopes/waitlist.h>
#include <MicroIO/scopes/waitof.h>

#include <memory>

namespace MicroIO {

namespace Detail {

class EventCore;

class MICROIO_EXPORT EventWait final : public ListedWait
{
public:
    EventWait(ScopeRef scope, std::shared_ptr<EventCore> core);
    ~EventWait() override;

    void await_resume() const;
    const char *waitsFor() const override { return "event"; }

private:
    friend class EventCore;

    bool enter() override;
    void leave() override;

    const std::shared_ptr<EventCore> m_core;
    bool m_isBroken = false; // set with the core's mutex held, before the wait has left
};

} // namespace Detail

/// A flag that coroutines of any threads wait for. After asyncio's Event.
///
/// All functions but the destructor: any thread; set() resumes nobody before it returns.
class MICROIO_EXPORT AsyncEvent
{
public:
    AsyncEvent();
    /// Who waits gets BrokenResourceError.
    ~AsyncEvent();
    Q_DISABLE_COPY_MOVE(AsyncEvent)

    /// Sets the flag and wakes all who wait, for good: they return also if it is cleared, or if their scopes are
    /// cancelled, before they have been resumed.
    void set();
    void clear();
    bool isSet() const;

    /// co_await: until the flag is set. Throws Cancelled, or BrokenResourceError when the event is destroyed.
    auto wait(CancelScope scope)
    {
        return Detail::WaitOf<Detail::EventWait, std::shared_ptr<Detail::EventCore>>(scope.state(), d);
    }

private:
    const std::shared_ptr<Detail::EventCore> d;
};

} // namespace MicroIO
