// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/loop/readyitem.h>
#include <MicroIO/loop/timer.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace MicroIO::Detail {

class Inbox;

/// Brings changes that happen on any thread to one thread: the first at once, then at most one update every 16 ms, and the
/// last one is never missed. One post to the thread's loop for each update, however many changes there are.
///
/// The 16 ms are those of the scheduler's clock: under a test's clock they pass as soon as everything is idle. It has a
/// timer only while there is something to tell, so that it never keeps a clock going.
class MICROIO_EXPORT UpdateGate final : public ReadyItem, public std::enable_shared_from_this<UpdateGate>
{
public:
    static constexpr std::chrono::milliseconds interval{16};

    /// \a update is called on the calling thread, by its scheduler, until close(). It reads what has changed; it may open
    /// an event loop, in which the next update comes.
    static std::shared_ptr<UpdateGate> create(std::function<void()> update);
    ~UpdateGate() override;

    /// There is something to tell. Any thread; locks may be held. Nothing comes of it once the loop has ended.
    void mark();

    /// On the thread of the updates.
    void close();

private:
    class Timer final : public TimerEntry
    {
    public:
        explicit Timer(UpdateGate &gate)
            : m_gate(gate)
        {
        }

    private:
        void expired() override;
        void loopEnded() override;

        UpdateGate &m_gate;
    };

    explicit UpdateGate(std::function<void()> update);

    void run() override;
    void discard() override;
    void update();

    const std::shared_ptr<Inbox> m_home;
    std::atomic<bool> m_isMarked{false}; // cleared just before an update reads
    std::mutex m_mutex;
    std::shared_ptr<UpdateGate> m_posted; // this, while it is on its way; guarded by m_mutex
    // of the thread of the updates
    std::shared_ptr<const std::function<void()>> m_update;
    std::shared_ptr<UpdateGate> m_waiting; // this, while the timer runs
    Timer m_timer;
    std::optional<Deadline> m_last; // when the last update began
};

} // namespace MicroIO::Detail
