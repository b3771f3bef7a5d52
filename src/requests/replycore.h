// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/scopes/scopedwait.h>

#include <QDeadlineTimer>
#include <QString>

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

class QObject;

namespace MicroIO {

class CloseScope;

namespace Detail {

/// One request, without its value: pending, then answered or failed, once. Guarded by its table's mutex.
class MICROIO_EXPORT ReplyCore
{
public:
    ReplyCore() = default;
    virtual ~ReplyCore();
    Q_DISABLE_COPY_MOVE(ReplyCore)

    bool isPending() const { return m_state == State::Pending; }
    void answerLocked() { decideLocked(State::Answered); }
    void failLocked(std::exception_ptr error);
    /// Who asked does not want to know any more.
    void giveUpLocked() { decideLocked(State::GivenUp); }

private:
    friend class ReplyWaitBase;
    friend class RequestTable;

    enum class State : quint8 { Pending, Answered, Failed, GivenUp };
    void decideLocked(State state);
    void throwUnlessAnswered() const;

    State m_state = State::Pending;
    std::exception_ptr m_error;
    Suspension *m_wait = nullptr;
    std::condition_variable *m_blocked = nullptr; // of a thread that waits
};

/// The part of a registry that knows neither keys nor values.
class MICROIO_EXPORT RequestTable : public std::enable_shared_from_this<RequestTable>
{
public:
    RequestTable();
    virtual ~RequestTable();
    Q_DISABLE_COPY_MOVE(RequestTable)

    /// Fails all that are pending and refuses new ones. The first close counts.
    void close(const std::exception_ptr &error);
    void bindTo(const CloseScope &scope);
    void bindTo(QObject *owner);

    /// Blocks until \a reply is decided, or throws TimeoutError.
    void wait(ReplyCore &reply, QDeadlineTimer deadline);

    mutable std::mutex mutex;

protected:
    [[noreturn]] void throwClosedLocked() const;
    bool isClosedLocked() const { return m_isClosed; }
    [[noreturn]] static void throwDuplicate();

    /// With the mutex held: takes all pending requests out.
    virtual std::vector<std::shared_ptr<ReplyCore>> takeAllLocked() = 0;

private:
    friend class ReplyWaitBase;

    bool m_isClosed = false; // guarded by mutex
    std::exception_ptr m_closeError; // guarded by mutex
    std::vector<std::function<void()>> m_unbind; // guarded by mutex
};

class MICROIO_EXPORT ReplyWaitBase : public ScopedWait
{
public:
    const char *waitsFor() const override { return "reply"; }

protected:
    ReplyWaitBase(ScopeRef scope, RequestTable *table, ReplyCore *reply);
    ~ReplyWaitBase() override;

    /// Throws if there is no answer.
    void checkReply() const;

private:
    bool enter() override;
    void leave() override;

    RequestTable *const m_table;
    ReplyCore *const m_reply;
    bool m_isBusy = false; // somebody else waits for it already
};

} // namespace Detail
} // namespace MicroIO
