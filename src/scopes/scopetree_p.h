// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loop/inbox_p.h"
#include <MicroIO/loop/wakes.h>
#include <MicroIO/scopes/scopestate.h>

#include <QObject>

#include <map>
#include <mutex>
#include <vector>

namespace MicroIO::Detail {

/// What all scopes below one root share. Timers keep it when their scope has gone.
struct ScopeTree
{
    std::mutex mutex;
    std::atomic<int> refs{1};
    quint64 deadlineEpoch = 0; // guarded by mutex; counts the deadlines that were moved

    static void deref(ScopeTree *tree)
    {
        if (tree->refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete tree;
    }
};

struct ScopeCause
{
    QString reason;
};

/// Leads to a scope without keeping it.
class WeakScope
{
public:
    explicit WeakScope(ScopeState *scope)
        : m_scope(scope)
    {
    }

    /// The scope, or nothing once it has gone. Any thread.
    ScopeRef lock() const;
    /// The scope is going.
    void clear();

private:
    mutable std::mutex m_mutex;
    ScopeState *m_scope; // guarded by m_mutex
};

struct ScopeListener
{
    std::function<void()> call;
    std::shared_ptr<Inbox> ringsIn; // the loop that notices the deadline; null if waits do
};

/// Guarded by the tree's mutex.
struct ScopeListeners
{
    std::map<quint64, ScopeListener> list; // by id, oldest first
    quint64 lastId = 0;
    std::shared_ptr<WeakScope> weak;
    std::vector<QMetaObject::Connection> bindings;
};

/// What a cancellation leaves to be done when the tree is unlocked.
struct CancelEffects
{
    Wakes wakes;
    std::vector<std::function<void()>> listeners;
    std::vector<ScopedWait *>
        decided; // of a doomed subtree: this thread's waits that somebody else has decided already
    std::vector<ReadyItem *> queued; // of a doomed subtree: what else stands in this thread's queues
};

} // namespace MicroIO::Detail
