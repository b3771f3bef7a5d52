// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "emitter.h"
#include "recorder.h"
#include "trigger.h"

#include "scopes/closescope_p.h"
#include "services/servicethread_p.h"
#include <MicroIO/AsyncEvent>
#include <MicroIO/AsyncMutex>
#include <MicroIO/AsyncSemaphore>
#include <MicroIO/CancelScope>
#include <MicroIO/Channel>
#include <MicroIO/CloseScope>
#include <MicroIO/RequestRegistry>
#include <MicroIO/ServiceThread>
#include <MicroIO/TaskGroup>

#include <QPromise>
#include <QRegularExpression>
#include <QTest>

#include <functional>
#include <memory>
#include <optional>
#include <typeinfo>
#include <vector>
#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#endif

// The registry of all waits of the library: each has a row here, and each suite over all waits runs through the rows.
// A class of src/ that derives from ScopedWait and has no row fails tst_allwaits. To add a wait: an heir of Wait below,
// and a row in allWaits(); a wait that passes a cancellation on instead of ending by it goes into passingAwaiters()
// and has tests of its own.

namespace Tests {

/// The class of the awaiter that \a Awaitable makes, without namespace and arguments.
template<typename Awaitable>
QString awaiterOf()
{
    using Awaiter = decltype(std::declval<Awaitable &>().operator co_await());
    QString name = QString::fromLatin1(typeid(Awaiter).name());
#if __has_include(<cxxabi.h>)
    char *demangled = abi::__cxa_demangle(typeid(Awaiter).name(), nullptr, nullptr, nullptr);
    name = QString::fromLatin1(demangled);
    std::free(demangled);
#endif
    static const QRegularExpression pattern(QStringLiteral("MicroIO::Detail::(\\w+)"));
    return pattern.match(name).captured(1);
}

/// One wait and its source, made and awaited on the thread that waits.
class Wait
{
public:
    Wait() = default;
    virtual ~Wait() = default;
    Q_DISABLE_COPY_MOVE(Wait)

    /// Waits for the source. May be called again and again.
    virtual QCoro::Task<> wait(MicroIO::CancelScope scope) = 0;

    /// Makes what is waited for happen. Any thread.
    virtual void complete() {}

    /// The same, and calls \a next when the wait is decided and its coroutine has not been resumed. Own thread.
    virtual void completeThen(std::function<void()> next)
    {
        complete();
        next();
    }

    /// False if complete() needs a turn of the loop to decide the wait.
    virtual bool isToldAtOnce() const { return true; }

    /// What the source still knows of a wait that has ended: empty if nothing.
    virtual QString traces() const { return {}; }

    /// What waits have done to the source that began on a cancelled scope: empty if nothing.
    virtual QString effects() const { return {}; }
};

/// How a source may end without giving what is waited for.
struct SourceEnd
{
    const char *name;
    std::function<void(Wait &)> end; // own thread
    QString outcome;
};

struct WaitRow
{
    enum Completion {
        ByItself, // after a turn or a time
        BySource, // by Wait::complete()
        Never, // by nothing but cancellation
    };

    const char *name;
    QString awaiter;
    Completion completion;
    std::function<std::unique_ptr<Wait>()> make;
    std::vector<SourceEnd> ends = {};
};

class CheckpointWait final : public Wait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::CancelScope>().checkpoint());
    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await scope.checkpoint(); }
};

class SleepWait final : public Wait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::CancelScope>().sleep(std::chrono::nanoseconds()));
    explicit SleepWait(std::chrono::nanoseconds duration)
        : m_duration(duration)
    {
    }
    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await scope.sleep(m_duration); }

private:
    const std::chrono::nanoseconds m_duration;
};

class CancelledWait final : public Wait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::CancelScope>().cancelled());
    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await scope.cancelled(); }
};

class SignalWait final : public Wait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::CancelScope>().cancellable(std::declval<Emitter *>(),
                                                                                &Emitter::two));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        if (m_emitter) {
            co_await scope.cancellable(m_emitter.get(), &Emitter::two);
        } else {
            const auto lateEmitter = std::make_unique<Emitter>(); // for a wait after the sender has died
            co_await scope.cancellable(lateEmitter.get(), &Emitter::two);
        }
    }
    void complete() override { Q_EMIT m_emitter->two(1, QStringLiteral("text")); }
    QString traces() const override
    {
        return m_emitter && m_emitter->listeners() ? QStringLiteral("somebody listens still") : QString();
    }
    void destroySender() { m_emitter.reset(); }

private:
    std::unique_ptr<Emitter> m_emitter = std::make_unique<Emitter>();
};

class FutureWait final : public Wait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::CancelScope>().cancellable(QFuture<int>()));
    FutureWait() { m_promise.start(); }

    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        const int value = co_await scope.cancellable(m_promise.future());
        if (value != 7)
            throw std::runtime_error("not the value of the future");
    }
    void complete() override
    {
        m_promise.addResult(7);
        m_promise.finish();
    }
    void completeThen(std::function<void()> next) override
    {
        // A future tells its watchers by a posted event: the wait is decided when that has come.
        complete();
        QMetaObject::invokeMethod(&m_behind, std::move(next), Qt::QueuedConnection);
    }
    bool isToldAtOnce() const override { return false; }
    void fail()
    {
        m_promise.setException(std::make_exception_ptr(failure("boom")));
        m_promise.finish();
    }
    void cancelByOther() { m_promise.future().cancel(); }

private:
    QPromise<int> m_promise;
    QObject m_behind;
};

class ForeignWait final : public Wait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::CancelScope>().abandonOnCancel(std::declval<Trigger>()));
    ~ForeignWait() override { m_trigger.fire(); }

    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await scope.abandonOnCancel(m_trigger); }
    void complete() override { m_trigger.fire(); }
    QString effects() const override { return m_trigger.awaited() ? QStringLiteral("awaited") : QString(); }

private:
    Trigger m_trigger;
};

class ClosedWait final : public Wait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::CloseScope>().closed(
        std::declval<MicroIO::CancelScope>()));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await m_closeScope.closed(scope); }
    void complete() override { m_closeScope.close(); }
    QString traces() const override
    {
        const std::lock_guard lock(m_closeScope.state()->mutex);
        return m_closeScope.state()->waits.isEmpty() ? QString() : QStringLiteral("listed still");
    }
    void fail() { m_closeScope.fail(std::make_exception_ptr(failure("boom"))); }

private:
    MicroIO::CloseScope m_closeScope;
};

/// A child of an open group that waits at a gate.
class ChildWait : public Wait
{
public:
    void complete() override { m_gate.close(); }
    void completeThen(std::function<void()> next) override
    {
        // Behind the child at the gate: resumed when that one has ended.
        const auto follow = [](MicroIO::CloseScope gate, std::function<void()> then) -> QCoro::Task<> {
            co_await gate.closed(MicroIO::CancelScope());
            then();
        };
        follow(m_gate, std::move(next));
        complete();
    }
    void fail()
    {
        m_fails = true;
        complete();
    }
    void cancelChild() { m_child.cancel(QStringLiteral("by its owner")); }

protected:
    ChildWait()
    {
        m_group.onError(&m_owner, [](const std::exception_ptr &) {});
        m_child = m_group.startSoon(&ChildWait::child, this);
    }

    QObject m_owner;
    MicroIO::CloseScope m_gate;
    bool m_fails = false;
    MicroIO::TaskHandle<int> m_child;
    MicroIO::TaskGroup m_group{&m_owner};

private:
    QCoro::Task<int> child(MicroIO::CancelScope scope)
    {
        co_await m_gate.closed(scope);
        if (m_fails)
            throw failure("boom");
        co_return 7;
    }
};

class JoinWait final : public ChildWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::TaskGroup>().join(std::declval<MicroIO::CancelScope>()));
    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await m_group.join(scope); }
};

class ResultWait final : public ChildWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::TaskHandle<int>>().result(
        std::declval<MicroIO::CancelScope>()));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        const int value = co_await m_child.result(scope); // not in the condition: g++ 12 loses the frame
        if (value != 7)
            throw std::runtime_error("not the value of the child");
    }
};

class EventWait final : public Wait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::AsyncEvent>().wait(
        std::declval<MicroIO::CancelScope>()));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await m_event->wait(scope); }
    void complete() override { m_event->set(); }
    void destroyEvent() { m_event.reset(); }

private:
    std::unique_ptr<MicroIO::AsyncEvent> m_event = std::make_unique<MicroIO::AsyncEvent>();
};

/// A wait for a mutex or a semaphore that somebody else holds.
class GuardedWait : public Wait
{
public:
    void complete() override { m_holder.release(); }
    QString traces() const override
    {
        return isHeld() && !m_holder ? QStringLiteral("nobody has it, but it is held") : QString();
    }
    QString effects() const override { return traces(); }

protected:
    explicit GuardedWait(MicroIO::AsyncGuard holder)
        : m_holder(std::move(holder))
    {
    }
    virtual bool isHeld() const = 0;

private:
    MicroIO::AsyncGuard m_holder;
};

class LockWait final : public GuardedWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::AsyncMutex>().lock(
        std::declval<MicroIO::CancelScope>()));

    LockWait()
        : LockWait(std::make_unique<MicroIO::AsyncMutex>())
    {
    }
    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        const auto guard = co_await m_mutex->lock(scope);
        if (!guard)
            throw std::runtime_error("not locked");
    }
    void destroyMutex() { m_mutex.reset(); }

private:
    explicit LockWait(std::unique_ptr<MicroIO::AsyncMutex> mutex)
        : GuardedWait(mutex->tryLock())
        , m_mutex(std::move(mutex))
    {
    }
    bool isHeld() const override { return m_mutex && m_mutex->isLocked(); }

    std::unique_ptr<MicroIO::AsyncMutex> m_mutex;
};

class PermitWait final : public GuardedWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::AsyncSemaphore>().acquire(
        std::declval<MicroIO::CancelScope>()));

    PermitWait()
        : PermitWait(std::make_unique<MicroIO::AsyncSemaphore>(1))
    {
    }
    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        const auto guard = co_await m_semaphore->acquire(scope);
        if (!guard)
            throw std::runtime_error("no permit");
    }
    void destroySemaphore() { m_semaphore.reset(); }

private:
    explicit PermitWait(std::unique_ptr<MicroIO::AsyncSemaphore> semaphore)
        : GuardedWait(semaphore->tryAcquire())
        , m_semaphore(std::move(semaphore))
    {
    }
    bool isHeld() const override { return m_semaphore && m_semaphore->available() == 0; }

    std::unique_ptr<MicroIO::AsyncSemaphore> m_semaphore;
};

/// A receive of a channel without a bound.
class ChannelWait : public Wait
{
public:
    void complete() override { m_channel.send.sendNow(7); }
    QString effects() const override
    {
        return m_channel.receive.stats().received ? QStringLiteral("an item was taken") : QString();
    }
    void close() { m_channel.send.close(); }
    void fail() { m_channel.send.fail(std::make_exception_ptr(failure("boom"))); }
    void closeReceiveEnd() { m_channel.receive.close(); }

protected:
    MicroIO::Channel<int> m_channel = MicroIO::createChannel<int>();
};

class ReceiveWait final : public ChannelWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::ReceiveChannel<int>>().receive(
        std::declval<MicroIO::CancelScope>()));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        const int item = co_await m_channel.receive.receive(scope);
        if (item != 7)
            throw std::runtime_error("not what was sent");
    }
};

class NextWait final : public ChannelWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::ReceiveChannel<int>>().next(
        std::declval<MicroIO::CancelScope>()));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        const auto item = co_await m_channel.receive.next(scope);
        if (item && *item != 7)
            throw std::runtime_error("not what was sent");
    }
};

class NextBatchWait final : public ChannelWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::ReceiveChannel<int>>().nextBatch(
        std::declval<MicroIO::CancelScope>()));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        const auto items = co_await m_channel.receive.nextBatch(scope);
        for (const int item : items) {
            if (item != 7)
                throw std::runtime_error("not what was sent");
        }
    }
};

/// A send to a channel that is full: of its capacity, or a rendezvous where nobody receives.
class SendWait final : public Wait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::SendChannel<int>>().send(
        std::declval<MicroIO::CancelScope>(), 7));

    explicit SendWait(int capacity)
        : m_capacity(capacity)
        , m_channel(MicroIO::createChannel<int>({.capacity = capacity}))
    {
        for (int i = 0; i < capacity; ++i)
            m_channel.send.sendNow(0);
    }

    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await m_channel.send.send(scope, 7); }
    void complete() override { m_channel.receive.drainNow(); }
    QString traces() const override
    {
        return m_channel.send.stats().blockedSends ? QStringLiteral("blocked still") : QString();
    }
    QString effects() const override
    {
        return m_channel.send.stats().sent != quint64(m_capacity) ? QStringLiteral("sent") : QString();
    }
    void close() { m_channel.send.close(); }
    void fail() { m_channel.send.fail(std::make_exception_ptr(failure("boom"))); }
    void closeReceiveEnd() { m_channel.receive.close(); }
    void dropReceiveEnd() { m_channel.receive = {}; }

private:
    const int m_capacity;
    MicroIO::Channel<int> m_channel;
};

/// A request under the key 1.
class RequestWait : public Wait
{
public:
    using Table = MicroIO::Detail::RequestTable<int, int>;
    using Awaitable = MicroIO::Detail::WaitOf<MicroIO::Detail::RequestWait<int, int>, Table *,
                                              Table::Reply *>; // in a coroutine of the registry's

    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        const int value = co_await m_registry.request(scope, 1, [this] { ++m_sent; });
        check(value);
    }
    void complete() override { m_registry.resolve(1, 7); }
    QString traces() const override
    {
        return m_registry.size() ? QStringLiteral("pending still") : QString();
    }
    QString effects() const override { return m_sent ? QStringLiteral("sent") : QString(); }
    void fail() { m_registry.fail(1, std::make_exception_ptr(failure("boom"))); }
    void close() { m_registry.close(); }
    void dropHandle() { m_registry.handle(1); }

protected:
    static void check(int value)
    {
        if (value != 7)
            throw std::runtime_error("not the answer");
    }

    MicroIO::RequestRegistry<int, int> m_registry;

private:
    std::atomic<int> m_sent = 0;
};

/// The same, asked before it is awaited.
class ReplyWait final : public RequestWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::PendingReply<int, int>>().reply(
        std::declval<MicroIO::CancelScope>()));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override
    {
        const int value = co_await m_pending.reply(scope);
        check(value);
    }
    QString traces() const override { return {}; } // a cancelled wait leaves the request pending
    void giveUp() { m_pending.cancel(); }

private:
    MicroIO::PendingReply<int, int> m_pending = m_registry.expect(1);
};

/// A service that is ready, and ends, when it is told.
class ServiceWait : public Wait
{
public:
    ~ServiceWait() override { m_service.stopAndJoin(); }
    QString traces() const override
    {
        const std::lock_guard lock(m_service.core()->mutex);
        return m_service.core()->startWaits.isEmpty() && m_service.core()->endWaits.isEmpty()
                   ? QString()
                   : QStringLiteral("listed still");
    }
    void stop() { m_service.stop(QStringLiteral("enough")); }

protected:
    ServiceWait() { m_service.start(); }

    MicroIO::ServiceThread m_service{QStringLiteral("told"), [](MicroIO::ServiceThread &service) {
                                         static_cast<void>(service.closeScope().wait());
                                     }};
};

class ServiceStartWait final : public ServiceWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::ServiceThread>().waitStarted(
        std::declval<MicroIO::CancelScope>()));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await m_service.waitStarted(scope); }
    void complete() override { m_service.reportStarted(); }
};

class ServiceEndWait final : public ServiceWait
{
public:
    using Awaitable = decltype(std::declval<MicroIO::ServiceThread>().join(
        std::declval<MicroIO::CancelScope>()));

    QCoro::Task<> wait(MicroIO::CancelScope scope) override { co_await m_service.join(scope); }
    void complete() override { m_service.stopAndJoin(); }
};

template<typename W, typename... Args>
WaitRow waitRow(const char *name, WaitRow::Completion completion, std::vector<SourceEnd> ends = {},
                Args... args)
{
    return {name, awaiterOf<typename W::Awaitable>(), completion,
            [args...]() -> std::unique_ptr<Wait> { return std::make_unique<W>(args...); }, std::move(ends)};
}

/// Calls \a function of the heir \a W.
template<typename W>
std::function<void(Wait &)> doing(void (W::*function)())
{
    return [function](Wait &wait) { (static_cast<W &>(wait).*function)(); };
}

/// What ends a send that waits.
inline std::vector<SourceEnd> sendEnds()
{
    return {{"closed", doing(&SendWait::close), QStringLiteral("ClosedResourceError")},
            {"failed", doing(&SendWait::fail), QStringLiteral("ClosedResourceError")},
            {"receive end closed", doing(&SendWait::closeReceiveEnd), QStringLiteral("BrokenResourceError")},
            {"receive end dropped", doing(&SendWait::dropReceiveEnd), QStringLiteral("BrokenResourceError")}};
}

/// All waits that a cancellation ends.
inline std::vector<WaitRow> allWaits()
{
    using namespace std::chrono_literals;
    const auto ended = QStringLiteral("ended");
    const auto boom = QStringLiteral("boom");

    return {
        waitRow<CheckpointWait>("checkpoint", WaitRow::ByItself),
        waitRow<SleepWait>("sleep(0)", WaitRow::ByItself, {}, 0ns),
        waitRow<SleepWait>("sleep(-1h)", WaitRow::ByItself, {}, -1h),
        waitRow<SleepWait>("sleep(5ms)", WaitRow::ByItself, {}, 5ms),
        waitRow<SleepWait>("sleep(1h)", WaitRow::Never, {}, 1h),
        waitRow<SleepWait>("sleep(longest)", WaitRow::Never, {}, std::chrono::nanoseconds::max()),
        waitRow<CancelledWait>("cancelled", WaitRow::Never),
        waitRow<SignalWait>(
            "signal", WaitRow::BySource,
            {{"sender destroyed", doing(&SignalWait::destroySender), QStringLiteral("BrokenResourceError")}}),
        waitRow<FutureWait>("future", WaitRow::BySource,
                            {{"failed", doing(&FutureWait::fail), boom},
                             {"cancelled by others", doing(&FutureWait::cancelByOther),
                              QStringLiteral("BrokenResourceError")}}),
        waitRow<ForeignWait>("foreign", WaitRow::BySource),
        waitRow<ClosedWait>("closed", WaitRow::BySource, {{"failed", doing(&ClosedWait::fail), ended}}),
        waitRow<JoinWait>("join", WaitRow::BySource,
                          {{"child failed", doing(&ChildWait::fail), ended},
                           {"child cancelled", doing(&ChildWait::cancelChild), ended}}),
        waitRow<ResultWait>(
            "result", WaitRow::BySource,
            {{"child failed", doing(&ChildWait::fail), boom},
             {"child cancelled", doing(&ChildWait::cancelChild), QStringLiteral("TaskCancelledError")}}),
        waitRow<EventWait>(
            "event", WaitRow::BySource,
            {{"destroyed", doing(&EventWait::destroyEvent), QStringLiteral("BrokenResourceError")}}),
        waitRow<LockWait>(
            "mutex", WaitRow::BySource,
            {{"destroyed", doing(&LockWait::destroyMutex), QStringLiteral("BrokenResourceError")}}),
        waitRow<PermitWait>(
            "semaphore", WaitRow::BySource,
            {{"destroyed", doing(&PermitWait::destroySemaphore), QStringLiteral("BrokenResourceError")}}),
        waitRow<ReceiveWait>(
            "receive", WaitRow::BySource,
            {{"closed", doing(&ChannelWait::close),
              QStringLiteral("the channel was closed, and all of its items have been received")},
             {"failed", doing(&ChannelWait::fail), boom},
             {"receive end closed", doing(&ChannelWait::closeReceiveEnd),
              QStringLiteral("ClosedResourceError")}}),
        waitRow<NextWait>("next", WaitRow::BySource,
                          {{"closed", doing(&ChannelWait::close), ended},
                           {"failed", doing(&ChannelWait::fail), boom},
                           {"receive end closed", doing(&ChannelWait::closeReceiveEnd),
                            QStringLiteral("ClosedResourceError")}}),
        waitRow<NextBatchWait>("nextBatch", WaitRow::BySource,
                               {{"closed", doing(&ChannelWait::close), ended},
                                {"failed", doing(&ChannelWait::fail), boom},
                                {"receive end closed", doing(&ChannelWait::closeReceiveEnd),
                                 QStringLiteral("ClosedResourceError")}}),
        waitRow<SendWait>("send", WaitRow::BySource, sendEnds(), 2),
        waitRow<SendWait>("send, rendezvous", WaitRow::BySource, sendEnds(), 0),
        waitRow<RequestWait>(
            "request", WaitRow::BySource,
            {{"failed", doing(&RequestWait::fail), boom},
             {"registry closed", doing(&RequestWait::close), QStringLiteral("ClosedResourceError")},
             {"handle dropped", doing(&RequestWait::dropHandle), QStringLiteral("BrokenResourceError")}}),
        waitRow<ReplyWait>(
            "reply", WaitRow::BySource,
            {{"failed", doing(&RequestWait::fail), boom},
             {"registry closed", doing(&RequestWait::close), QStringLiteral("ClosedResourceError")},
             {"given up", doing(&ReplyWait::giveUp), QStringLiteral("BrokenResourceError")}}),
        waitRow<ServiceStartWait>("waitStarted of a service", WaitRow::BySource,
                                  {{"stopped", doing(&ServiceWait::stop),
                                    QStringLiteral("service told was stopped before it was ready: enough")}}),
        waitRow<ServiceEndWait>("join of a service", WaitRow::BySource,
                                {{"stopped", doing(&ServiceWait::stop), ended}}),
    };
}

inline bool endsByOthers(const WaitRow &row)
{
    return row.completion != WaitRow::ByItself;
}
inline bool endsBySource(const WaitRow &row)
{
    return row.completion == WaitRow::BySource;
}

/// The data of a test with one column, "row".
inline void addRows(bool (*filter)(const WaitRow &) = nullptr)
{
    QTest::addColumn<WaitRow>("row");
    for (const WaitRow &row : allWaits()) {
        if (!filter || filter(row))
            QTest::newRow(row.name) << row;
    }
}

/// Awaiters of what outlasts a cancellation and passes it on: start(), runInThread(), withTaskGroup(), whose cases are
/// in tst_passingwaits, and call() of a service, in tst_servicecall.
inline QStringList passingAwaiters()
{
    return {QStringLiteral("StartWait"), QStringLiteral("JobWait"), QStringLiteral("GroupEndWait"),
            QStringLiteral("ServiceCallWait")};
}

/// Bases of several awaiters, which are none themselves.
inline QStringList awaiterBases()
{
    return {QStringLiteral("ListedWait"),     QStringLiteral("FutureWaitBase"),
            QStringLiteral("ResultWaitBase"), QStringLiteral("ReceiveWaitBase"),
            QStringLiteral("SendWaitBase"),   QStringLiteral("ReplyWaitBase")};
}

} // namespace Tests

Q_DECLARE_METATYPE(Tests::WaitRow)
Q_DECLARE_METATYPE(Tests::SourceEnd)
