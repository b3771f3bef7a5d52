// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QtGlobal>

#include <atomic>

namespace MicroIO::Detail {

class ScopedWait;
class ScopeState;

/// Hears of every wait and every task, for tests. Called on their own threads, with no lock held.
class MICROIO_EXPORT Observer
{
public:
    Observer() = default;
    virtual ~Observer();
    Q_DISABLE_COPY_MOVE(Observer)

    /// Before the wait looks at its scope.
    virtual void waitBegins(const ScopedWait &wait) = 0;
    /// A group has taken the task, which has not begun.
    virtual void taskAdopted(const ScopeState &task) = 0;
    /// The task has ended, or will never begin; its frame is gone.
    virtual void taskSettled(const ScopeState &task) = 0;

    /// \a observer must outlive all threads that may still call it; nullptr takes it out.
    static void install(Observer *observer) { s_installed.store(observer, std::memory_order_release); }
    static Observer *installed() { return s_installed.load(std::memory_order_acquire); }

private:
    static std::atomic<Observer *> s_installed;
};

} // namespace MicroIO::Detail
