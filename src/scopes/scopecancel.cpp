// SPDX-License-Identifier: Apache-2.0
#include "scopes/scopelimit_p.h"
#include "scopes/scopetree_p.h"

#include "loop/scheduler_p.h"
#include <MicroIO/scopes/scopedwait.h>

#include <algorithm>
#include <iterator>

// How a scope is cancelled, by whom it may be: its marks and those below it, the waits that this ends, and who is told.

namespace MicroIO::Detail {

namespace {

// The effects that this thread is just telling the listeners of.
thread_local CancelEffects *telling = nullptr;

QString deadlineReason()
{
    return QStringLiteral("the deadline has passed");
}

} // namespace

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
                    if (!wait->cancelWait(&effects.wakes) && here && wait->scheduler() == here)
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
    effects.wakes.wakeAll();
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

} // namespace MicroIO::Detail
