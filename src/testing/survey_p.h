// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>

#include <QString>
#include <QStringList>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

class QThread;

namespace MicroIO::Detail {

class Inbox;
class Scheduler;

/// A suspended wait, as it is told in a report.
struct WaitDescription
{
    QString task;
    QString waitsFor;
    QString thread;
    bool isForeign = false;
};

/// One question to all event loops but the calling thread's: is there anything to do? A loop answers when it is at rest.
class Survey : public std::enable_shared_from_this<Survey>
{
public:
    enum class Asks {
        Rest, // when the next is due
        Waits, // the same, and who waits for what
    };

    struct Answer
    {
        std::shared_ptr<Inbox> inbox;
        bool isThere = false;
        Deadline earliest = Deadline::max();
        std::vector<WaitDescription> waits;
    };

    explicit Survey(Asks asks)
        : m_asks(asks)
    {
    }

    /// Posts the question.
    void ask();
    /// Calls \a completed once, on any thread, when the last loop has answered or ended; at once if they all have.
    void whenComplete(std::function<void()> completed);
    /// Blocks at most \a limit; false if a loop has neither answered nor is blocked in a wait of the library.
    bool waitForAnswers(std::chrono::milliseconds limit);

    /// Those that are there.
    std::vector<Answer> answers() const;
    /// The threads that have not answered.
    QStringList silent() const;

    /// What a loop would answer now, on its own thread.
    static Answer look(const Scheduler &scheduler, Asks asks);

private:
    class Probe;

    void answer(size_t index, Answer answer);
    void gone(size_t index);
    void countDownLocked(std::unique_lock<std::mutex> &lock);
    bool areAllMissingBlocked() const;

    const Asks m_asks;
    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<Answer> m_answers; // guarded by m_mutex
    std::vector<bool> m_isMissing; // guarded by m_mutex
    int m_missing = 0; // guarded by m_mutex
    std::function<void()> m_completed; // guarded by m_mutex
};

} // namespace MicroIO::Detail
