// SPDX-License-Identifier: Apache-2.0
#include "scopes/scopelimit_p.h"
#include "scopes/scopetree_p.h"

#include "loop/scheduler_p.h"
#include "scopes/circularlist_p.h"
#include <MicroIO/Errors>
#include <MicroIO/scopes/scopedwait.h>

#include <QObject>

#include <algorithm>
#include <iterator>

namespace MicroIO::Detail {

namespace {

// The effects that this thread is just telling the listeners of.
thread_local CancelEffects *telling = nullptr;

QString deadlineReason()
{
    return QStringLiteral("the deadline has passed");
}

} // namespace

ScopeRef WeakScope::lock() const
{
    const std::lock_guard lock(m_mutex);
    // The last reference may be on its way out; then leaveTree() waits for our lock in clear().
    return m_scope && m_scope->refIfAlive() ? ScopeRef::adopt(m_scope) : ScopeRef();
}

void WeakScope::clear()
{
    const std::lock_guard lock(m_mutex);
    m_scope = nullptr;
}

ScopeState::TreeLock::TreeLock(ScopeTree *tree)
    : m_tree(tree)
{
    m_tree->mutex.lock();
}

ScopeState::TreeLock::~TreeLock()
{
    m_tree->mutex.unlock();
}

ScopeState::ScopeState(Kind kind, ScopeState *parent, Deadline deadline)
    : m_kind(kind)
    , m_tree(parent ? parent->m_tree : new ScopeTree)
    , m_parent(parent)
{
    if (!parent) {
        if (deadline != Deadline::max())
            setDeadline(deadline);
        return;
    }
    parent->ref();
    const TreeLock lock(m_tree);
    appendCircular(parent->m_firstChild, this, &ScopeState::m_previousSibling, &ScopeState::m_nextSibling);
    const int inherited = parent->m_flags.load(std::memory_order_relaxed);
    int flags = 0;
    if (kind != Kind::Shield || (inherited & DoomedFlag)) {
        flags = inherited & (CancelledFlag | DoomedFlag);
        m_cause = parent->m_cause;
        m_limit = kind == Kind::Shield ? nullptr : parent->m_limit.load();
    }
    if (deadline != Deadline::max()) {
        m_limit = new ScopeLimit(this, m_limit, deadline);
        flags |= OwnsLimitFlag;
    }
    m_flags.store(quint8(flags), std::memory_order_release);
}

ScopeState::~ScopeState() = default;

void ScopeState::release(ScopeState *state)
{
    for (;;) {
        ScopeState *parent = state->m_parent;
        ScopeTree *tree = state->m_tree;
        state->leaveTree();
        delete state;
        if (!parent) {
            ScopeTree::deref(tree);
            return;
        }
        if (!parent->dropsLast())
            return;
        state = parent;
    }
}

void ScopeState::leaveTree()
{
    {
        const TreeLock lock(m_tree);
        if (m_parent)
            removeCircular(m_parent->m_firstChild, this, &ScopeState::m_previousSibling,
                           &ScopeState::m_nextSibling);
        if (m_flags & OwnsLimitFlag)
            delete m_limit.load();
    }
    // Nobody else has a reference, so that the listeners need no lock any more.
    if (!m_listeners)
        return;
    if (m_listeners->weak)
        m_listeners->weak->clear();
    for (const auto &binding : m_listeners->bindings)
        QObject::disconnect(binding);
}

bool ScopeState::cancel(const QString &reason)
{
    CancelEffects effects;
    bool first = false;
    {
        const TreeLock lock(m_tree);
        if (!expireLocked(effects)) {
            cancelLocked(reason, false, effects);
            first = true;
        } else if (m_flags & ClearedFlag) {
            // So far only its runner had cancelled it, to clear its children.
            m_flags.fetch_and(quint8(~ClearedFlag));
            first = true;
        }
    }
    tell(effects);
    return first;
}

bool ScopeState::isCancelled()
{
    if (hasBeenCancelled())
        return true;
    if (!m_limit.load(std::memory_order_acquire))
        return false;
    CancelEffects effects;
    bool expired = false;
    {
        const TreeLock lock(m_tree);
        expired = expireLocked(effects);
    }
    tell(effects);
    return expired;
}

/// True if the scope is cancelled, also by a deadline that has passed unnoticed so far.
bool ScopeState::expireLocked(CancelEffects &effects)
{
    if (!hasBeenCancelled()) {
        if (ScopeLimit *limit = m_limit.load(std::memory_order_relaxed)) {
            if (limit->effective() != Deadline::max()) {
                if (ScopeLimit *due = limit->dueAt(now()))
                    due->scope()->cancelLocked(deadlineReason(), true, effects);
            }
        }
    }
    return hasBeenCancelled();
}

void ScopeState::clear(const QString &reason)
{
    CancelEffects effects;
    {
        const TreeLock lock(m_tree);
        if (!expireLocked(effects))
            markLocked(reason, CancelledFlag | ClearedFlag, effects);
    }
    tell(effects);
}

void ScopeState::cancelLocked(const QString &reason, bool timedOut, CancelEffects &effects)
{
    markLocked(reason, CancelledFlag | (timedOut ? TimedOutFlag : 0), effects);
}

/// Sets \a marks on this scope and all but the last on those below; completes their waits.
void ScopeState::markLocked(const QString &reason, int marks, CancelEffects &effects)
{
    const auto cause = std::make_shared<const ScopeCause>(ScopeCause{reason});
    const bool doom = marks & DoomedFlag;
    const Scheduler *here = doom ? Scheduler::currentOrNull() : nullptr;
    const int inherited = marks & (CancelledFlag | DoomedFlag);
    const Deadline moment = now();
    ScopeState *state = this;
    for (;;) {
        const int flags = state->m_flags.load(std::memory_order_relaxed);
        // Below a cancelled scope all is cancelled, but for shields.
        const bool done = (flags & inherited) == inherited
                          || (state != this && state->m_kind == Kind::Shield && !doom);
        if (!done) {
            const bool isNew = !(flags & CancelledFlag);
            int added = isNew && state == this ? marks : inherited;
            if (isNew && state != this) {
                state->m_cause = state->m_parent->m_cause;
                // Its own deadline may have passed first, and nobody has looked.
                if (flags & OwnsLimitFlag && state->m_limit.load()->wasDueFirst(moment)) {
                    state->m_cause = std::make_shared<const ScopeCause>(ScopeCause{deadlineReason()});
                    added |= TimedOutFlag;
                }
            } else if (isNew) {
                state->m_cause = cause;
            }
            state->m_flags.store(quint8(flags | added), std::memory_order_release);
            if (ScopedWait *wait = state->m_firstWait) {
                do {
                    if (!wait->cancelWait() && here && wait->scheduler() == here)
                        effects.decided.push_back(wait);
                    wait = wait->m_nextWait;
                } while (wait != state->m_firstWait);
            }
            if (here && (flags & AdoptedFlag)) {
                if (auto *item = state->queuedHere())
                    effects.queued.push_back(item);
            }
            if (state->m_listeners && isNew) {
                for (auto &[id, listener] : state->m_listeners->list)
                    effects.listeners.push_back(std::move(listener.call));
                state->m_listeners->list.clear();
            }
            if (state->m_firstChild) {
                state = state->m_firstChild;
                continue;
            }
        }
        // The next sibling, or that of the nearest ancestor which has one.
        while (state != this && state->m_nextSibling == state->m_parent->m_firstChild)
            state = state->m_parent;
        if (state == this)
            return;
        state = state->m_nextSibling;
    }
}

void ScopeState::tell(CancelEffects &effects)
{
    if (effects.listeners.empty())
        return;
    if (telling) {
        // A listener cancels something: its listeners come later, so that a chain of such scopes does not recurse.
        std::move(effects.listeners.begin(), effects.listeners.end(), std::back_inserter(telling->listeners));
        return;
    }
    telling = &effects;
    while (!effects.listeners.empty()) {
        const auto listeners = std::exchange(effects.listeners, {});
        for (const auto &listener : listeners)
            listener();
    }
    telling = nullptr;
}

bool ScopeState::forsakeWaits()
{
    struct Found
    {
        ScopedWait *wait;
        ScopeState *scope;
        int depth;
    };
    std::vector<Found> found; // a scope comes before all that is below it
    {
        const TreeLock lock(m_tree);
        const Scheduler *here = Scheduler::currentOrNull();
        ScopeState *state = this;
        for (int depth = 0;;) {
            if (ScopedWait *wait = state->m_firstWait) {
                do {
                    if (wait->scheduler() == here)
                        found.push_back({wait, state, depth});
                    wait = wait->m_nextWait;
                } while (wait != state->m_firstWait);
            }
            if (state->m_firstChild) {
                state = state->m_firstChild;
                ++depth;
                continue;
            }
            while (state != this && state->m_nextSibling == state->m_parent->m_firstChild) {
                state = state->m_parent;
                --depth;
            }
            if (state == this)
                break;
            state = state->m_nextSibling;
        }
        int depthBehind = 0; // of the next wait on another scope
        for (size_t i = found.size(); i-- > 0;) {
            if (i + 1 < found.size() && found[i + 1].scope != found[i].scope)
                depthBehind = found[i + 1].depth;
            if (depthBehind > found[i].depth)
                found[i].wait = nullptr; // not before those below
        }
        std::erase_if(found, [](const Found &each) { return !each.wait; });
        for (const auto &each : found)
            each.wait->complete(Suspension::Outcome::Cancelled);
    }
    // Or its source has just decided it. As in doom():
    for (const auto &each : found) {
        each.wait->leave();
        each.wait->queue();
    }
    return !found.empty();
}

const ScopeState *ScopeState::nearestTask() const
{
    const ScopeState *state = this;
    while (state->m_kind != Kind::Task && state->m_parent)
        state = state->m_parent;
    return state;
}

int ScopeState::depth() const
{
    int depth = 0;
    for (const ScopeState *state = m_parent; state; state = state->m_parent)
        ++depth;
    return depth;
}

void ScopeState::doom(const QString &reason)
{
    CancelEffects effects;
    {
        const TreeLock lock(m_tree);
        markLocked(reason, CancelledFlag | DoomedFlag, effects);
    }
    tell(effects);
    for (ReadyItem *item : effects.queued) {
        ReadyQueue::remove(item);
        Scheduler::currentOrNull()->enqueue(item);
    }
    // What somebody else has decided is queued, or is just being handed to this thread's inbox by a source that
    // holds its lock; leave() waits for that lock. Only this thread resumes these waits: they are still there.
    for (ScopedWait *wait : effects.decided) {
        if (wait->isPending())
            continue; // it outlasts cancellation, see forsakeWaits()
        wait->leave();
        wait->queue();
    }
}

QString ScopeState::reason() const
{
    return hasBeenCancelled() ? m_cause->reason : QString();
}

Deadline ScopeState::deadline() const
{
    const TreeLock lock(m_tree);
    return m_flags & OwnsLimitFlag ? m_limit.load()->deadline() : Deadline::max();
}

void ScopeState::setDeadline(Deadline deadline)
{
    CancelEffects effects;
    {
        const TreeLock lock(m_tree);
        if (expireLocked(effects)) {
            // What is cancelled stays so; effects is empty, unless a deadline above has just been noticed.
        } else if (m_flags & OwnsLimitFlag) {
            m_limit.load()->setDeadline(deadline);
        } else if (deadline != Deadline::max()) {
            auto *above = m_limit.load();
            auto *limit = new ScopeLimit(this, above, deadline);
            ++m_tree->deadlineEpoch;
            m_flags.fetch_or(OwnsLimitFlag);
            spreadLimitLocked(limit, above);
        }
        expireLocked(effects);
    }
    tell(effects);
}

/// Puts \a limit between \a above and all that pointed to it from this scope down.
void ScopeState::spreadLimitLocked(ScopeLimit *limit, ScopeLimit *above)
{
    ScopeState *state = this;
    for (;;) {
        bool descend = false;
        if (state == this || (state->m_kind != Kind::Shield && !(state->m_flags & OwnsLimitFlag))) {
            state->m_limit.store(limit, std::memory_order_release);
            if (const ScopedWait *wait = state->m_firstWait) {
                do {
                    limit->armIn(wait->scheduler()->inbox());
                    wait = wait->m_nextWait;
                } while (wait != state->m_firstWait);
            }
            if (state->m_listeners) {
                for (const auto &[id, listener] : state->m_listeners->list) {
                    if (listener.ringsIn)
                        limit->armIn(listener.ringsIn);
                }
            }
            descend = state->m_firstChild;
        } else if (state->m_flags & OwnsLimitFlag && state->m_limit.load()->above() == above
                   && state->m_kind != Kind::Shield) {
            state->m_limit.load()->setAbove(limit);
            state->m_limit.load()->shareThreads(limit);
        }
        if (descend) {
            state = state->m_firstChild;
            continue;
        }
        while (state != this && state->m_nextSibling == state->m_parent->m_firstChild)
            state = state->m_parent;
        if (state == this)
            return;
        state = state->m_nextSibling;
    }
}

quint64 ScopeState::addListener(std::function<void()> listener, const std::shared_ptr<Inbox> &ringIn)
{
    CancelEffects effects;
    quint64 id = 0;
    {
        const TreeLock lock(m_tree);
        if (!expireLocked(effects)) {
            auto &listeners = listenersLocked();
            id = ++listeners.lastId;
            listeners.list.emplace(id, ScopeListener{std::move(listener), ringIn});
            if (auto *limit = m_limit.load(std::memory_order_relaxed); limit && ringIn)
                limit->armIn(ringIn);
        }
    }
    tell(effects);
    if (!id)
        listener();
    return id;
}

void ScopeState::removeListener(quint64 id)
{
    std::function<void()> removed; // destroyed with the tree unlocked
    const TreeLock lock(m_tree);
    if (!m_listeners)
        return;
    auto &list = m_listeners->list;
    const auto found = list.find(id);
    if (found == list.end())
        return;
    removed = std::move(found->second.call);
    list.erase(found);
}

ScopeListeners &ScopeState::listenersLocked()
{
    if (!m_listeners)
        m_listeners = std::make_unique<ScopeListeners>();
    return *m_listeners;
}

std::shared_ptr<WeakScope> ScopeState::weak()
{
    const TreeLock lock(m_tree);
    auto &listeners = listenersLocked();
    if (!listeners.weak)
        listeners.weak = std::make_shared<WeakScope>(this);
    return listeners.weak;
}

void ScopeState::bindTo(QObject *owner)
{
    const auto binding = QObject::connect(
        owner, &QObject::destroyed, owner,
        [weak = weak()] {
            if (const auto scope = weak->lock())
                scope->cancel(QStringLiteral("its owner was destroyed"));
        },
        Qt::DirectConnection);
    const TreeLock lock(m_tree);
    listenersLocked().bindings.push_back(binding);
}

bool ScopeState::refIfAlive()
{
    int refs = m_refs.load(std::memory_order_relaxed);
    while (refs > 0) {
        if (m_refs.compare_exchange_weak(refs, refs + 1, std::memory_order_acq_rel))
            return true;
    }
    return false;
}

QString ScopeState::taskName() const
{
    for (const ScopeState *state = this; state; state = state->m_parent) {
        if (state->m_kind == Kind::Task)
            return state->displayName();
    }
    return QStringLiteral("a coroutine outside any task group");
}

QString ScopeState::displayName() const
{
    return {};
}

ReadyItem *ScopeState::queuedHere()
{
    return nullptr;
}

void ScopeState::forEachChild(const std::function<void(ScopeState &)> &visit) const
{
    ScopeState *child = m_firstChild;
    if (!child)
        return;
    do {
        visit(*child);
        child = child->m_nextSibling;
    } while (child != m_firstChild);
}

void ScopeState::addWaitLocked(ScopedWait *wait, Scheduler *scheduler)
{
    appendCircular(m_firstWait, wait, &ScopedWait::m_previousWait, &ScopedWait::m_nextWait);
    if (auto *limit = m_limit.load(std::memory_order_relaxed); limit && !hasBeenCancelled())
        limit->armIn(scheduler->inbox());
}

void ScopeState::removeWaitLocked(ScopedWait *wait)
{
    removeCircular(m_firstWait, wait, &ScopedWait::m_previousWait, &ScopedWait::m_nextWait);
}

} // namespace MicroIO::Detail
