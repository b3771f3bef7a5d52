// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/loop/suspension.h>
#include <MicroIO/loop/wakes.h>

#include <atomic>
#include <condition_variable>
#include <exception>

namespace MicroIO::Detail {

/// One request, without its key and its value: pending, then decided, once. Functions ...Locked() are called with the
/// mutex of its table held.
class MICROIO_EXPORT ReplyCore
{
public:
    enum class State : quint8 {
        Pending,
        Answered,
        Taken, // the answer has been given to who asked
        Failed,
        GivenUp, // by who asked
        Abandoned, // by all who could have answered
    };

    ReplyCore() = default;
    virtual ~ReplyCore();
    Q_DISABLE_COPY_MOVE(ReplyCore)

    /// Any thread, without the lock: once it is false, it stays so.
    bool isPending() const { return state() == State::Pending; }
    bool isGivenUp() const { return state() == State::GivenUp; }
    bool hasFutureLocked() const { return m_hasFuture; }

    /// To be called first by who decides a pending request. False if nobody takes the answer, because the wait that
    /// the request belongs to has been cancelled; the request is given up then.
    bool claimLocked(Wakes &wakes);
    /// After claimLocked(), and after the value is in its place.
    void decideLocked(State state);
    /// Both, with an error.
    bool failLocked(const std::exception_ptr &error, Wakes &wakes);

    /// Throws BusyResourceError if somebody waits for the reply already.
    void refuseSecondLocked() const;

    /// After the request was decided: the caller is the one who gets the value. Throws if there is none.
    void takeAnswer();
    /// The caller could not be given it.
    void putBack() { m_state.store(State::Answered, std::memory_order_release); }

    /// After a request with a future was decided, with the mutex released, because a future runs its continuations.
    /// False if the future was cancelled before.
    virtual bool finishFuture() = 0;

protected:
    void setHasFutureLocked() { m_hasFuture = true; }

private:
    friend class ReplyWaitBase;
    friend class RequestCore;

    State state() const { return m_state.load(std::memory_order_acquire); }

    std::exception_ptr m_error; // set before m_state is Failed
    Suspension *m_wait = nullptr; // guarded by the table's mutex, as all that follows
    std::condition_variable *m_blocked = nullptr; // of a thread that waits
    bool m_belongsToWait = false; // it ends with m_wait
    bool m_hasFuture = false;
    std::atomic<State> m_state{State::Pending}; // leaves Pending with the mutex held
};

} // namespace MicroIO::Detail
