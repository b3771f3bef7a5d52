// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loop/clock_p.h"
#include "testing/testwait_p.h"

#include <QByteArray>
#include <QObject>
#include <QThread>
#include <QTimer>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace MicroIO::Detail {

class ClockDriver;
class Inbox;

/// Knows when nothing of the process moves any more, and moves the time then.
///
/// It is driven by the test's thread, which is the last to be asked: so the time stands still while the test's own code
/// runs. One for the process, never destroyed: other threads may call it late.
class ClockCore final : public ClockSource
{
public:
    enum class Mode {
        Automatic, // jumps to what is due next
        Manual, // moves by advance() alone
        Watching, // the time is the real one
    };

    static ClockCore &instance();

    /// False if there is one already.
    bool begin(Mode mode);
    void end();
    /// On the test's thread, between begin() and end().
    ClockDriver &driver() { return *m_driver; }
    bool isActive() const { return installed() == this; }

    Deadline now() const override;
    bool isReal() const override { return m_mode.load(std::memory_order_relaxed) == Mode::Watching; }
    void activity() override;
    bool isDrivenHere() const override;
    bool drive() override;

    void moveTo(Deadline moment) { m_now.store(moment.time_since_epoch().count()); }
    quint64 sequence() const { return m_sequence.load(); }
    void postCheck();
    void checkArrived() { m_isCheckPosted.store(false); }

private:
    std::atomic<Mode> m_mode{Mode::Watching};
    std::atomic<Deadline::rep> m_now{0};
    std::atomic<quint64> m_sequence{0};
    std::atomic<bool> m_isCheckPosted{false};
    std::atomic<Qt::HANDLE> m_home{nullptr};
    std::mutex m_mutex;
    ClockDriver *m_driver = nullptr; // changed on the test's thread with the mutex held
};

/// The part that lives in the test's thread.
class ClockDriver final : public QObject
{
public:
    explicit ClockDriver(ClockCore &core, ClockCore::Mode mode);
    ~ClockDriver() override;

    /// Moves the time by steps to \a moment; false if the loops do not come to rest (problem() tells).
    bool advanceTo(Deadline moment);
    /// Until nothing moves and nothing is due now.
    bool waitUntilIdle(std::chrono::milliseconds limit);
    QString problem() const { return m_problem; }

    qint64 jumps() const { return m_jumps; }

    enum class Step {
        Busy, // something moves; a check comes when that may have changed
        Moved, // the time, or something else that makes others move
        Stuck, // nothing will move by itself
    };
    /// For a test's thread that is blocked in a wait of the library: its own loop does not count.
    Step stepWhileBlocked();

protected:
    bool event(QEvent *event) override;

private:
    void checkSoon(std::chrono::milliseconds delay);
    /// Nothing moves.
    struct Rest
    {
        quint64 sequence; // as long as it is the present one, this holds
        Deadline earliest;
        Deadline ownTimer; // the first of the test's own thread
        std::vector<std::shared_ptr<Inbox>> dueLoops; // where something is due at that moment
    };

    std::optional<Rest> survey(bool isBlocked);
    Step act(const Rest &rest, bool isBlocked);
    void jump(Deadline moment, const Rest &rest);
    Step stuck(Deadline earliest, bool isBlocked);
    void complainIfOutlived();

    ClockCore &m_core;
    const ClockCore::Mode m_mode;
    const QByteArray m_test; // the test function that the clock belongs to
    QTimer m_recheck; // real time: for what ends without telling
    bool m_isSecondPass = false;
    std::optional<Rest> m_rest; // before this thread has handled what the others have posted to it
    bool m_hasComplained = false;
    std::optional<Deadline> m_target; // of advanceTo()
    TestWait *m_advancing = nullptr;
    std::vector<TestWait *> m_idlers;
    std::chrono::steady_clock::time_point m_foreignSince; // nothing but foreign things can go on
    quint64 m_foreignSequence = 0;
    QString m_problem;
    qint64 m_jumps = 0;
};

} // namespace MicroIO::Detail
