// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/tasks/groupcore.h>

#include "loop/inbox_p.h"
#include "loop/logging_p.h"
#include "loop/readyqueue_p.h"
#include "loop/scheduler_p.h"
#include "scopes/contextcallback_p.h"
#include "scopes/observer_p.h"
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
        m_inboxes.push_back(scheduler->inbox());
        m_inbox = m_inboxes.back().get();
    }
}

GroupCore::~GroupCore() = default;

void GroupCore::throwEnded()
{
    throw ClosedResourceError(QStringLiteral("the task group has ended; it takes no more children"));
}

void GroupCore::throwLoopEnded()
{
    throw ClosedResourceError(
        QStringLiteral("the event loop of the task group's thread has ended; it takes no more children"));
}

Inbox &GroupCore::requireInbox()
{
    auto *known = inbox();
    if (known && !known->isClosed())
        return *known;
    bool isClosed = false;
    QThread *thread = locked([&]() -> QThread * {
        isClosed = m_closed || (!m_collects && !m_owner);
        return !isClosed && m_owner ? m_owner->thread()
                                    : nullptr; // a member of the owner: it lives as long as we do
    });
    if (isClosed)
        throwEnded();
    if (!thread && known)
        throwLoopEnded();
    if (!thread)
        throw WrongThreadError(
            QStringLiteral("startSoon() for a task group on a thread without an event loop"));
    const auto found = Inbox::of(thread);
    if (known && found->isClosed())
        throwLoopEnded();
    return locked([&]() -> Inbox & {
        if (m_inbox.load(std::memory_order_relaxed) == known) {
            m_inboxes.push_back(found);
            m_inbox.store(found.get(), std::memory_order_release);
        }
        return *m_inboxes.back();
    });
}

void GroupCore::adopt(TaskCore *task)
{
    Inbox &home = requireInbox();
    const bool isAccepted = locked([&] {
        if (m_closed)
            return false;
        ++m_running;
        task->markAdopted();
        return true;
    });
    if (!isAccepted)
        throwEnded();
    if (auto *observer = Observer::installed())
        observer->taskAdopted(*task);
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
        if (task.isAdopted() && !task.isSettled())
            names += task.name();
    });
    return names;
}

QStringList GroupCore::taskNames() const
{
    return locked([this] { return unsettledLocked(); });
}

bool GroupCore::closeIfEmpty()
{
    return locked([this] {
        m_closed |= m_running == 0;
        return m_closed;
    });
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
        if (m_onError.size() >= m_pruneAt) {
            std::erase_if(m_onError, [](const auto &other) { return !other->isActive(); });
            m_pruneAt = std::max<size_t>(8, m_onError.size() * 2);
        }
        m_onError.push_back(call);
    });
    return call->subscription([] {});
}

void GroupCore::taskSettled(TaskCore &task, const std::exception_ptr &error)
{
    if (auto *observer = Observer::installed())
        observer->taskSettled(task);
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
        task.m_resultWaits.completeAll(effects.wakes);
        if (--m_running == 0)
            m_joins.completeAll(effects.wakes);
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
    auto *scheduler = Scheduler::currentOrNull();
    const bool isHere = inbox() && inbox()->isHere();
    if (!isHere) {
        // Nothing can be unwound from here.
        cancel(reason);
    } else if (!isDoomed() || !scheduler->isClearing(tree())) {
        Clearing clearing(scheduler, tree());
        doom(reason);
        do
            clearing.run();
        while (forsakeWaits());
    } // else who clears the tree has broken this off, because nothing below it moves any more
    for (const auto &error : close()) {
        qCCritical(logTask).noquote()
            << QStringLiteral("A task group was destroyed in which this had failed: %1").arg(describe(error));
    }
    const QStringList names = taskNames();
    if (!names.isEmpty()) {
        qCCritical(logTask).noquote()
            << QStringLiteral(
                   "A task group was destroyed%1 while %2 of its tasks could not be unwound: %3. Each goes on until its next "
                   "wait on its scope, and must not touch what the group's owner owned.")
                   .arg(isHere ? QString() : QStringLiteral(" away from its event loop"))
                   .arg(names.size())
                   .arg(names.join(QStringLiteral(", ")));
    }
}

} // namespace MicroIO::Detail
