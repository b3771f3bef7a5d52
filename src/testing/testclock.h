// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/microio_test_export.h>

#include <QtGlobal>

#include <chrono>

namespace MicroIO {

/// Virtual time for a test: while it lives, sleeps, deadlines and time-outs of the whole process follow it, and an hour
/// passes in microseconds.
///
/// When every event loop that MicroIO knows is idle and nothing is in flight between threads, the time jumps to what is
/// due next. It does so only while the test's thread turns its event loop (MICROIO_AWAIT, waitForState(), QTRY_COMPARE, …)
/// or is blocked in a wait of MicroIO: while the test's own code runs, the time stands still. Threads count as idle that are
/// blocked in a wait of MicroIO; work in runInThread(), a service that starts, and a service's function that runs count as
/// running. After Trio's autojump clock.
///
/// What stays real time: QTimer, QCoro's timers, sockets, processes, and blocking calls of others (QThread::msleep(),
/// QSemaphore::acquire(), …): while a thread is in one, the virtual time stands still. A plain queued signal that a thread
/// sends to another one, not the test's, may be overtaken by a jump. A QDeadlineTimer runs in real time from where it is made
/// to the wait that takes it; from there on what is left of it is virtual: give it more than a few milliseconds.
///
/// A thread that MicroIO does not know (a std::thread, a QThread that has not used MicroIO yet) counts for nothing: the time jumps
/// while it works, and a test that waits for what only such a thread will do is told at once that it hangs. Let it be a
/// service or runInThread(), or make the clock when the thread has used MicroIO.
///
/// A local variable of a test, or a member that init() makes and cleanup() resets: one that is still there in another test
/// fails that one. Whatever sleeps should be gone before the clock: its deadlines lie in a future that comes in real time.
/// Created, used and destroyed on the test's thread.
class MICROIO_TEST_EXPORT TestClock
{
public:
    enum class Mode {
        Automatic, ///< jumps to the next due moment as soon as everything is idle
        Manual, ///< moves by advance() alone
    };

    /// Begins at the present moment of the steady clock. Throws std::logic_error if there is one already (or another
    /// replacement of the clock), WrongThreadError on a thread without an event loop.
    explicit TestClock(Mode mode = Mode::Automatic);
    ~TestClock();
    Q_DISABLE_COPY_MOVE(TestClock)

    /// Moves the time on by \a duration, from one due moment to the next, and lets everything that is due happen before it
    /// returns; turns the event loop meanwhile. A test whose loops do not come to rest fails. Throws std::invalid_argument for
    /// a negative duration, WrongThreadError on another thread.
    void advance(std::chrono::nanoseconds duration);

    /// The virtual time that has passed since the clock was made. Any thread.
    std::chrono::nanoseconds elapsed() const;

    /// How often the time was moved so far. On the test's thread.
    qint64 jumps() const;

private:
    const Deadline m_begin;
};

} // namespace MicroIO
