// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/Errors>
#include <MicroIO/microio_export.h>

#include <QString>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

class QObject;

namespace MicroIO::Detail {

class Inbox;
class ReadyItem;
class Scheduler;
class ScopedWait;
class ScopeLimit;
class WeakScope;
struct CancelEffects;
struct ScopeCause;
struct ScopeListeners;
struct ScopeTree;

/// What a CancelScope is a handle to: a node in a tree of scopes.
///
/// The tree shares one mutex. A child keeps its parent alive; a parent knows its children only as long as
/// they live. Cancelling walks down the tree and completes the waits that are registered with its nodes.
class MICROIO_EXPORT ScopeState
{
public:
    enum class Kind : quint8 { Plain, Shield, Task, Group };

    /// Begins with one reference. \a parent may be null: a root.
    explicit ScopeState(Kind kind, ScopeState *parent = nullptr, Deadline deadline = Deadline::max());
    Q_DISABLE_COPY_MOVE(ScopeState)

    void ref() { m_refs.fetch_add(1, std::memory_order_relaxed); }
    /// Drops a reference of \a state, which may be null. Does not recurse with the depth of the tree.
    static void deref(ScopeState *state)
    {
        if (state && state->dropsLast())
            release(state);
    }

    Kind kind() const { return m_kind; }
    ScopeState *parent() const { return m_parent; }

    bool cancel(const QString &reason);
    /// Reads the clock: a deadline that has passed cancels here and now.
    bool isCancelled();
    /// The same without a look at the clock.
    bool hasBeenCancelled() const { return m_flags.load(std::memory_order_acquire) & CancelledFlag; }
    bool isDoomed() const { return m_flags.load(std::memory_order_acquire) & DoomedFlag; }
    QString reason() const;
    bool timedOut() const { return m_flags.load(std::memory_order_acquire) & TimedOutFlag; }
    /// What a wait on the cancelled scope throws.
    Cancelled cancelled() const { return Cancelled(reason(), timedOut()); }

    Deadline deadline() const;
    void setDeadline(Deadline deadline);

    /// cancel() by the scope's own runner, which only clears what is below: it does not count as somebody's.
    void clear(const QString &reason);
    /// True if somebody has cancelled the scope, not only its own runner.
    bool isCancelledBySomebody()
    {
        return isCancelled() && !(m_flags.load(std::memory_order_acquire) & ClearedFlag);
    }

    /// Cancels the whole subtree, shields included: its owner is going. The waits of this thread are then
    /// ready and doomed, for the Clearing that there is.
    void doom(const QString &reason);
    /// After doom() and Clearing::run(): breaks off those of this thread's waits that outlast a cancellation and have
    /// none of their kind below them. False if there were none.
    bool forsakeWaits();

    /// The identity of the tree if the scope is doomed, else null.
    const void *doomedTree() const { return isDoomed() ? m_tree : nullptr; }
    const void *tree() const { return m_tree; }
    /// The nearest task at or above the scope, or else the root.
    const ScopeState *nearestTask() const;
    int depth() const;

    /// \a listener is called once, when the scope is cancelled (at once if it was already), on the cancelling
    /// thread with no lock held: it may only wake, post and cancel. Returns a number for removeListener().
    /// With a loop to \a ringIn, the scope's deadline is noticed there although nobody waits.
    quint64 addListener(std::function<void()> listener, const std::shared_ptr<Inbox> &ringIn = {});
    void removeListener(quint64 id);

    /// Cancels the scope when \a owner is destroyed.
    void bindTo(QObject *owner);

    std::shared_ptr<WeakScope> weak();

    /// The name of the task that the scope belongs to, for messages.
    QString taskName() const;

protected:
    virtual ~ScopeState();

    /// For tasks: how they are called in messages.
    virtual QString displayName() const;

    /// With the tree locked: what of the scope stands in a queue of this thread's scheduler.
    virtual ReadyItem *queuedHere();

    /// Runs \a function with the tree locked.
    template<typename Function>
    decltype(auto) locked(Function &&function) const
    {
        const TreeLock lock(m_tree);
        return function();
    }

    /// With the tree locked.
    void markAdopted() { m_flags.fetch_or(AdoptedFlag); }
    bool isAdopted() const { return m_flags.load(std::memory_order_relaxed) & AdoptedFlag; }
    /// With the tree locked, the scope not being cancelled yet.
    void cancelLocked(const QString &reason, bool timedOut, CancelEffects &effects);
    /// After the tree was unlocked: tells the listeners of what was cancelled.
    static void tell(CancelEffects &effects);
    /// With the tree locked: calls \a visit for each child.
    void forEachChild(const std::function<void(ScopeState &)> &visit) const;

private:
    friend class ScopedWait;
    friend class ScopeLimit;
    friend class DeadlineTimer;
    friend class WeakScope;

    enum Flag : quint8 {
        CancelledFlag = 1,
        TimedOutFlag = 2, // by its own deadline
        DoomedFlag = 4,
        OwnsLimitFlag = 8, // m_limit is its own, not an ancestor's
        ClearedFlag = 16, // cancelled, but only by its own runner
        AdoptedFlag = 32, // a task that its group has taken; before that it may still be under construction
    };

    class MICROIO_EXPORT TreeLock
    {
    public:
        explicit TreeLock(ScopeTree *tree);
        ~TreeLock();
        Q_DISABLE_COPY_MOVE(TreeLock)

    private:
        ScopeTree *m_tree;
    };

    bool dropsLast() { return m_refs.fetch_sub(1, std::memory_order_acq_rel) == 1; }
    static void release(ScopeState *state);
    void leaveTree();
    void markLocked(const QString &reason, int marks, CancelEffects &effects);
    bool expireLocked(CancelEffects &effects);
    void spreadLimitLocked(ScopeLimit *limit, ScopeLimit *above);
    bool refIfAlive();
    ScopeListeners &listenersLocked();
    void addWaitLocked(ScopedWait *wait, Scheduler *scheduler);
    void removeWaitLocked(ScopedWait *wait);

    std::atomic<int> m_refs{1};
    const Kind m_kind;
    std::atomic<quint8> m_flags{0}; // changed with the tree locked; m_cause is set before CancelledFlag
    ScopeTree *const m_tree; // owned by the root
    ScopeState *m_parent; // a reference
    ScopeState *m_firstChild = nullptr; // from here on: guarded by the tree's mutex
    ScopeState *m_previousSibling = nullptr; // circular: the first child's is the last child
    ScopeState *m_nextSibling = nullptr;
    ScopedWait *m_firstWait = nullptr;
    std::atomic<ScopeLimit *> m_limit{
        nullptr}; // nearest deadline at or above, not beyond a shield; set once or replaced by a nearer one
    std::shared_ptr<const ScopeCause> m_cause; // set once
    std::unique_ptr<ScopeListeners> m_listeners;
};

/// A reference to a ScopeState or to one of its heirs.
template<typename T>
class Ref
{
public:
    Ref() = default;
    /// Shares \a object.
    explicit Ref(T *object)
        : m_object(object)
    {
        if (m_object)
            m_object->ref();
    }
    /// Takes over the reference that \a object was made with.
    static Ref adopt(T *object)
    {
        Ref ref;
        ref.m_object = object;
        return ref;
    }
    Ref(const Ref &other)
        : Ref(other.m_object)
    {
    }
    Ref(Ref &&other) noexcept
        : m_object(std::exchange(other.m_object, nullptr))
    {
    }
    template<typename U>
    requires std::is_convertible_v<U *, T *> Ref(const Ref<U> &other) // NOLINT: implicit as a pointer's
        : Ref(other.get())
    {
    }
    ~Ref() { ScopeState::deref(m_object); }
    Ref &operator=(Ref other) noexcept
    {
        std::swap(m_object, other.m_object);
        return *this;
    }

    T *get() const { return m_object; }
    T *operator->() const { return m_object; }
    T &operator*() const { return *m_object; }
    explicit operator bool() const { return m_object != nullptr; }

private:
    T *m_object = nullptr;
};

using ScopeRef = Ref<ScopeState>;

} // namespace MicroIO::Detail
