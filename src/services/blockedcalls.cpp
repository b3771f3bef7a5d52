// SPDX-License-Identifier: Apache-2.0
#include "services/blockedcalls_p.h"

#include <QHash>

#include <mutex>

namespace MicroIO::Detail {

namespace {

struct BlockedCall
{
    const QThread *callee;
    const void *call;
};

struct CallGraph
{
    std::mutex mutex;
    QHash<const QThread *, BlockedCall> calls; // by caller; guarded by mutex
};

CallGraph &callGraph()
{
    static auto *instance = new CallGraph; // never destroyed: threads may outlive main()
    return *instance;
}

} // namespace

bool BlockedCalls::enter(const QThread *caller, const QThread *callee, const void *call)
{
    auto &r = callGraph();
    const std::lock_guard lock(r.mutex);
    for (auto next = r.calls.constFind(callee); next != r.calls.cend();
         next = r.calls.constFind(next->callee)) {
        if (next->callee == caller)
            return false;
    }
    r.calls.insert(caller, {callee, call});
    return true;
}

void BlockedCalls::leave(const QThread *caller, const void *call)
{
    auto &r = callGraph();
    const std::lock_guard lock(r.mutex);
    const auto found = r.calls.constFind(caller);
    if (found != r.calls.cend() && found->call == call)
        r.calls.erase(found);
}

} // namespace MicroIO::Detail
