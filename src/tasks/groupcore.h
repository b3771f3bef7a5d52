// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Subscription>
#include <MicroIO/tasks/taskcore.h>

#include <QPointer>
#include <QStringList>

#include <functional>
#include <memory>
#include <vector>

class QObject;

namespace MicroIO::Detail {

class ContextCallback;
class Inbox;

/// What a task group, its handles and its tasks share: the scope above all children, and their number.
class MICROIO_EXPORT GroupCore final : public ScopeState
{
public:
    /// An open group: its children are independent, and errors are reported one by one.
    explicit GroupCore(QObject *owner);
    /// A group of withTaskGroup() or of a service: the first error cancels the siblings, all are collected.
    explicit GroupCore(ScopeState *parent);

    /// Begins \a task in the next turn of the group's loop. Throws ClosedResourceError once the group has ended;
    /// the task is then destroyed unbegun. Any thread.
    void adopt(TaskCore *task);

    qsizetype size() const;
    QStringList taskNames() const;

    /// The number of the next unnamed task.
    quint32 nextNumber() { return m_lastNumber.fetch_add(1, std::memory_order_relaxed) + 1; }

    /// Refuses work from now on if there are no children.
    bool closeIfEmpty();
    bool addJoin(ListedWait *wait);
    void removeJoin(ListedWait *wait);

    Subscription onError(QObject *context, std::function<void(std::exception_ptr)> callback);

    /// The body has ended with \a error, or without: if it threw, the children are cleared.
    void bodyThrew(const std::exception_ptr &error, bool isCancelled);
    /// All have ended; refuses work from now on. Throws if anybody failed, or if the body's \a cancelled is not
    /// to be absorbed: true if it is absorbed, or null.
    bool conclude(const std::exception_ptr &cancelled, ScopeState &outer);
    /// Refuses work from now on; gives what has been collected.
    std::vector<std::exception_ptr> close();

    /// The owner is going, on this thread: unwinds all children on the spot, and names those that it cannot.
    void destroy();

private:
    friend class TaskCore;

    ~GroupCore() override;

    void taskSettled(TaskCore &task, const std::exception_ptr &error);
    void report(const TaskCore &task, const std::exception_ptr &error);
    void collectLocked(const std::exception_ptr &error);
    QStringList unsettledLocked() const;

    const bool m_collects;
    const QPointer<QObject> m_owner; // whose thread becomes that of the group with the first task
    std::atomic<quint32> m_lastNumber{0};
    /// The door to the loop that the children run in; null before the first task of an open group. Any thread.
    Inbox *inbox() const { return m_inbox.load(std::memory_order_acquire); }
    Inbox &requireInbox();
    [[noreturn]] static void throwEnded();
    [[noreturn]] static void throwLoopEnded();

    std::atomic<Inbox *> m_inbox{nullptr}; // the last of m_inboxes
    std::vector<std::shared_ptr<Inbox>>
        m_inboxes; // one for each run of the owner's thread; guarded by the tree's mutex
    qsizetype m_running = 0; // guarded by the tree's mutex, as all that follows
    bool m_closed = false;
    std::vector<std::exception_ptr> m_errors;
    std::vector<std::shared_ptr<ContextCallback>> m_onError;
    size_t m_pruneAt = 8; // that many callbacks
    WaitList m_joins;
};

} // namespace MicroIO::Detail
