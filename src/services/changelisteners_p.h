// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QtGlobal>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace MicroIO::Detail {

/// Those who want to hear that something has changed, and a number that tells whether it has. Any thread.
class MICROIO_EXPORT ChangeListeners
{
public:
    ChangeListeners() = default;
    Q_DISABLE_COPY_MOVE(ChangeListeners)

    /// \a listener is called at every change, on whichever thread makes it, with locks of the library held: it may only
    /// mark and post. Gives a number for remove().
    quint64 add(std::function<void()> listener);
    /// No call is under way any more when this returns.
    void remove(quint64 id);

    /// After a change; the lock of what has changed may be held.
    void notify();

    /// How many changes there were. Who reads it before what has changed, misses nothing by comparing it later.
    quint64 count() const { return m_count.load(std::memory_order_acquire); }

private:
    std::atomic<quint64> m_count{0};
    std::mutex m_mutex;
    std::map<quint64, std::function<void()>> m_listeners; // by number; guarded by m_mutex
    quint64 m_last = 0; // guarded by m_mutex
};

/// A listener for as long as this object lives.
class MICROIO_EXPORT ChangeSubscription
{
public:
    ChangeSubscription() = default;
    ChangeSubscription(std::shared_ptr<ChangeListeners> listeners, std::function<void()> listener);
    ~ChangeSubscription();
    ChangeSubscription(ChangeSubscription &&other) noexcept;
    ChangeSubscription &operator=(ChangeSubscription &&other) noexcept;

private:
    std::shared_ptr<ChangeListeners> m_listeners;
    quint64 m_id = 0;
};

} // namespace MicroIO::Detail
