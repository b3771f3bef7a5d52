// SPDX-License-Identifier: Apache-2.0
#include "scopes/scopelimit_p.h"
#include "scopes/scopetree_p.h"

#include "loop/scheduler_p.h"
#include "scopes/circularlist_p.h"
#include <MicroIO/scopes/scopedwait.h>

#include <QObject>

namespace MicroIO::Detail {

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
