// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/tasks/groupcore.h>

#include "loop/inbox_p.h"
#include "loop/logging_p.h"
#include "loop/readyqueue_p.h"
#include "loop/scheduler_p.h"
#include "scopes/contextcallback_p.h"
#include "scopes/scopetree_p.h"
#include <MicroIO/Errors>

#include <QObject>
#include <QThread>

#include <algorithm>

namespace MicroIO::Detail {

GroupCore::GroupCore(QObject *owner)
    : ScopeState(Kind::Group)
    , m_collects(false)
    , m_owner(owner)
{
    bindTo(owner);
}

GroupCore::GroupCore(ScopeState *parent)
    : ScopeState(Kind::Group, parent)
    , m_collects(true)
{
    if (auto *scheduler = Scheduler::current()) {
        m_keptInbox = scheduler->inbox();
        m_inbox = m_keptInbox.get();
    }
}

GroupCore::~GroupCore() = default;

void GroupCore::throwEnded()
{
    throw ClosedResourceError(QStringLiteral("the task group has ended; it takes no more children"));
}

Inbox &GroupCore::requireInbox()
{
    if (auto *known = inbox())
        return *known;
    if (locked([this] { return m_closed; }))
        throwEnded();
    QThread *thread = m_owner ? m_owner->thread() : nullptr;
    if (!thread)
        throw WrongThreadError(
            QStringLiteral("startSoon() for a task group on a thread without an event loop"));
    const auto found = Inbox::of(thread);
    return locked([&]() -> Inbox & {
        if (!m_keptInbox) {
            m_keptInbox = found;
            m_inbox.store(found.get(), std::memory_order_release);
        }
        return *m_keptInbox;
    });
}

void GroupCore::adopt(TaskCore *task)
{
    Inbox &home = requireInbox();
    const bool isAccepted = locked([this] {
        if (!m_closed)
            ++m_running;
        return !m_closed;
    });
    if (!isAccepted)
        throwEnded();
    task->ref(); // until it is settled
    if (home.isHere())
        Scheduler::currentOrNull()->enqueue(task);
    else if (!home.post(task))
        task->discard();
}

qsizetype GroupCore::size() const
{
    return locked([this] { return m_running; });
}

QStringList GroupCore::unsettledLocked() const
{
    QStringList names;
    forEachChild([&names](ScopeState &child) {
        if (child.kind() != Kind::Task)
            return;
        const auto &task = static_cast<TaskCore &>(child);
        if (!task.isSettled())
            names += task.name();
    });
    return names;
}

QStringList GroupCore::taskNames() const
{
    return locked([this] { return unsettledLocked(); });
}

bool GroupCore::addJoin(ListedWait *wait)
{
    return locked([&] {
        if (m_running == 0)
            return true;
        m_joins.add(wait);
        return false;
    });
}

void GroupCore::removeJoin(ListedWait *wait)
{
    locked([&] { m_joins.remove(wait); });
}

Subscription GroupCore::onError(QObject *context, std::function<void(std::exception_ptr)> callback)
{
    if (!callback)
        throw std::invalid_argument("TaskGroup::onError(): an empty callback");
    const auto call = ContextCallback::create(context, std::move(callback));
    locked([&] {
        std::erase_if(m_onError, [](const auto &other) { return !other->isActive(); });
        m_onError.push_back(call);
    });
    return call->subscription([] {});
}

void GroupCore::taskSettled(TaskCore &task, const std::exception_ptr &error)
{
    CancelEffects effects;
    bool isReported = !error;
    locked([&] {
        if (error && m_collects && !m_closed) {
            collectLocked(error);
            isReported = true;
            if (!hasBeenCancelled())
                cancelLocked(QStringLiteral("%1 failed: %2").arg(task.name(), describe(error)), false,
                             effects);
        }
        task.m_stage.store(TaskCore::Stage::Settled, std::memory_order_release);
        task.m_resultWaits.completeAll();
        if (--m_running == 0)
            m_joins.completeAll();
    });
    tell(effects);
    if (!isReported)
        report(task, error);
}

/// An error that went through several hands, a child's and those of who awaited its handle, is one error.
void GroupCore::collectLocked(const std::exception_ptr &error)
{
    if (std::find(m_errors.cbegin(), m_errors.cend(), error) == m_errors.cend())
        m_errors.push_back(error);
}

void GroupCore::report(const TaskCore &task, const std::exception_ptr &error)
{
    bool isHeard = false;
    for (const auto &callback : locked([this] { return m_onError; }))
        isHeard |= callback->fire(error);
    if (!isHeard)
        qCCritical(logTask).noquote() << QStringLiteral("%1 failed: %2").arg(task.name(), describe(error));
}

void GroupCore::bodyThrew(const std::exception_ptr &error, bool isCancelled)
{
    if (!isCancelled)
        locked([&] { collectLocked(error); });
    clear(isCancelled ? QStringLiteral("the body of the task group was cancelled")
                      : QStringLiteral("the body of the task group failed: %1").arg(describe(error)));
}

bool GroupCore::conclude(const std::exception_ptr &cancelled, ScopeState &outer)
{
    auto errors = close();
    if (!errors.empty())
        throw TaskGroupError(std::move(errors));
    if (cancelled && (!isCancelledBySomebody() || outer.isCancelled()))
        std::rethrow_exception(cancelled);
    return bool(cancelled);
}

std::vector<std::exception_ptr> GroupCore::close()
{
    return locked([this] {
        m_closed = true;
        return std::exchange(m_errors, {});
    });
}

void GroupCore::destroy()
{
    if (locked([this] { return std::exchange(m_closed, true); }))
        return; // it has ended as it should
    const auto reason = QStringLiteral("its task group was destroyed");
    const bool isHere = inbox() && inbox()->isHere();
    if (isHere) {
        doom(reason);
        do {
            Scheduler::currentOrNull()->runDoomed();
        } while (forsakeWaits() > 0);
    } else {
        // Nothing can be unwound from here.
        cancel(reason);
    }
    const QStringList names = taskNames();
    if (!names.isEmpty()) {
        qCCritical(logTask).noquote()
            << QStringLiteral(
                   "A task group was destroyed%1 while %2 of its tasks could not be unwound: %3. Each goes on until its next "
                   "wait on its scope, and must not touch what the group's owner owned.")
                   .arg(isHere ? QString() : QStringLiteral(" on a foreign thread"))
                   .arg(names.size())
                   .arg(names.join(QStringLiteral(", ")));
    }
}

} // namespace MicroIO::Detail
