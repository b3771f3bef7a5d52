// SPDX-License-Identifier: Apache-2.0
#include "testing/clockcore_p.h"

#include "loop/blocking_p.h"
#include "loop/inbox_p.h"
#include "loop/presence_p.h"
#include "loop/scheduler_p.h"
#include "testing/hangreport_p.h"
#include "testing/survey_p.h"
#include <MicroIO/Errors>

#include <QCoreApplication>
#include <QEvent>
#include <QTest>

#include <algorithm>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

namespace {

// How long the test's thread, which has nothing to do, blocks for the others' answers before it turns its loop again.
constexpr auto patience = 5ms;
// How long a wait for a signal, a future or another foreign thing may be all that goes on.
std::chrono::milliseconds foreignPatience()
{
    return testTimeout() / 6;
}

QByteArray currentTest()
{
    const char *function = QTest::currentTestFunction();
    if (!function)
        return {};
    const char *tag = QTest::currentDataTag();
    return QByteArray(function) + (tag ? QByteArray(":") + tag : QByteArray());
}

} // namespace

ClockCore &ClockCore::instance()
{
    static auto *instance = new ClockCore;
    return *instance;
}

bool ClockCore::begin(Mode mode)
{
    if (installed())
        return false;
    moveTo(std::chrono::steady_clock::now());
    m_mode = mode;
    m_home = QThread::currentThreadId();
    auto *driver = new ClockDriver(*this, mode);
    {
        const std::lock_guard lock(m_mutex);
        m_driver = driver;
    }
    m_isCheckPosted = false;
    install(this);
    postCheck();
    return true;
}

void ClockCore::end()
{
    install(nullptr);
    m_home = nullptr;
    ClockDriver *driver = nullptr;
    {
        const std::lock_guard lock(m_mutex);
        driver = std::exchange(m_driver, nullptr);
    }
    delete driver;
}

Deadline ClockCore::now() const
{
    return isReal() ? std::chrono::steady_clock::now() : Deadline(Deadline::duration(m_now.load()));
}

void ClockCore::activity()
{
    m_sequence.fetch_add(1);
    postCheck();
}

void ClockCore::postCheck()
{
    if (m_isCheckPosted.load(std::memory_order_relaxed) || m_isCheckPosted.exchange(true))
        return;
    const std::lock_guard lock(m_mutex);
    if (m_driver)
        QCoreApplication::postEvent(m_driver, new QEvent(QEvent::User), Qt::LowEventPriority);
}

bool ClockCore::isDrivenHere() const
{
    return m_home.load() == QThread::currentThreadId();
}

bool ClockCore::drive()
{
    return m_driver && m_driver->stepWhileBlocked() == ClockDriver::Step::Moved;
}

ClockDriver::ClockDriver(ClockCore &core, ClockCore::Mode mode)
    : m_core(core)
    , m_mode(mode)
    , m_test(currentTest())
{
    m_recheck.setSingleShot(true);
    QObject::connect(&m_recheck, &QTimer::timeout, this, [this] { m_core.postCheck(); });
}

ClockDriver::~ClockDriver()
{
    complainIfOutlived();
}

bool ClockDriver::event(QEvent *event)
{
    if (event->type() != QEvent::User)
        return QObject::event(event);
    // Twice through the loop, as the other loops are asked: see Survey.
    m_isSecondPass = !m_isSecondPass;
    if (m_isSecondPass) {
        QCoreApplication::postEvent(this, new QEvent(QEvent::User), Qt::LowEventPriority);
        return true;
    }
    m_core.checkArrived();
    complainIfOutlived();
    const auto rest = std::exchange(m_rest, std::nullopt);
    const auto *own = Scheduler::current();
    if (rest && rest->sequence == m_core.sequence() && own->isAtRest()
        && rest->ownTimer == own->earliestTimer()) {
        act(*rest, false);
    } else if ((m_rest = survey(false))) {
        // Once more through the loop, for plain events that other threads have posted to this one.
        m_core.postCheck();
    }
    return true;
}

ClockDriver::Step ClockDriver::stepWhileBlocked()
{
    complainIfOutlived();
    const auto rest = survey(true);
    return rest ? act(*rest, true) : Step::Busy;
}

void ClockDriver::checkSoon(std::chrono::milliseconds delay)
{
    if (!m_recheck.isActive())
        m_recheck.start(delay);
}

std::optional<ClockDriver::Rest> ClockDriver::survey(bool isBlocked)
{
    const quint64 sequence = m_core.sequence();
    auto *scheduler = Scheduler::current();
    if (!isBlocked && !scheduler->isAtRest()) {
        m_core.postCheck();
        return std::nullopt;
    }
    const auto question = std::make_shared<Survey>(Survey::Asks::Rest);
    question->ask();
    if (!question->waitForAnswers(patience)) {
        question->whenComplete([core = &m_core] { core->postCheck(); });
        return std::nullopt;
    }

    const auto answers = question->answers();
    const auto isElsewhere = [&answers](QThread *thread) {
        if (std::any_of(answers.cbegin(), answers.cend(), [thread](const auto &answer) {
                return answer.isThere && answer.inbox->thread() == thread;
            }))
            return true;
        bool isBlockedThread = false;
        BlockedThread::forEach(
            [&](BlockedThread &each) { isBlockedThread |= each.thread() == thread && each.isBlocked(); });
        return isBlockedThread;
    };
    if (!Presence::running(isElsewhere).isEmpty() || Inbox::isAnyBeginning()) {
        checkSoon(1ms);
        return std::nullopt;
    }

    Deadline earliest = isBlocked ? Deadline::max() : scheduler->earliestTimer();
    for (const auto &answer : answers)
        earliest = std::min(earliest, answer.earliest);
    bool isAnyAwake = false;
    BlockedThread::forEach([&](BlockedThread &each) {
        earliest = std::min(earliest, each.due());
        isAnyAwake |= !each.isBlocked();
    });
    if (isAnyAwake || m_core.sequence() != sequence) {
        m_core.postCheck();
        return std::nullopt;
    }
    Rest rest{sequence, earliest, scheduler->earliestTimer(), {}};
    for (const auto &answer : answers) {
        if (answer.isThere && answer.earliest <= earliest)
            rest.dueLoops.push_back(answer.inbox);
    }
    if (!isBlocked && scheduler->earliestTimer() <= earliest)
        rest.dueLoops.push_back(scheduler->inbox());
    return rest;
}

ClockDriver::Step ClockDriver::act(const Rest &rest, bool isBlocked)
{
    const Deadline earliest = rest.earliest;
    const Deadline moment = m_core.now();
    if (m_mode == ClockCore::Mode::Watching || earliest > moment) {
        if (!m_idlers.empty()) {
            m_idlers.back()->done();
            return Step::Moved;
        }
        if (m_mode == ClockCore::Mode::Watching)
            return Step::Busy;
    }
    if (m_advancing) {
        if (earliest > *m_target && moment == *m_target) {
            m_advancing->done();
            return Step::Moved;
        }
        jump(std::min(earliest, *m_target), rest);
        return Step::Moved;
    }
    if (earliest == Deadline::max() || (m_mode == ClockCore::Mode::Manual && earliest > moment))
        return stuck(earliest, isBlocked);
    jump(earliest, rest);
    return Step::Moved;
}

void ClockDriver::jump(Deadline moment, const Rest &rest)
{
    if (moment > m_core.now())
        m_core.moveTo(moment);
    ++m_jumps;
    for (const auto &inbox : rest.dueLoops)
        inbox->nudge();
    bool isAnyDue = false;
    BlockedThread::forEach([&](BlockedThread &each) { isAnyDue |= each.due() <= moment; });
    if (isAnyDue)
        BlockedThread::wakeAll();
    m_core.activity();
}

ClockDriver::Step ClockDriver::stuck(Deadline earliest, bool isBlocked)
{
    if (!isBlocked && !TestWait::isAny())
        return Step::Stuck; // who waits by other means may be helped by other means
    const auto waits = suspendedWaits();
    if (std::any_of(waits.cbegin(), waits.cend(), [](const auto &wait) { return wait.isForeign; })) {
        const auto realNow = std::chrono::steady_clock::now();
        if (m_foreignSequence != m_core.sequence()) {
            m_foreignSequence = m_core.sequence();
            m_foreignSince = realNow;
        }
        if (realNow - m_foreignSince < foreignPatience()) {
            checkSoon(50ms);
            return Step::Busy;
        }
    }
    QString report = whoWaitsForWhat();
    if (earliest == Deadline::max()) {
        report.prepend(QStringLiteral("Nothing is due, and nothing can run. "));
    } else {
        const auto wait = std::chrono::duration<double>(earliest - m_core.now());
        report.prepend(QStringLiteral("The clock is moved by advance() alone, and the next is due in %1 s. ")
                           .arg(wait.count()));
    }
    if (!isBlocked) {
        TestWait::tellHang(report);
        return Step::Stuck;
    }
    const auto message = QStringLiteral("The test is blocked for ever. %1").arg(report);
    if (message != m_problem) {
        m_problem = message;
        QTest::qFail(qPrintable(message), nullptr, 0);
    }
    BlockedThread::forEach([](BlockedThread &each) { each.breakOff(); });
    return Step::Stuck;
}

bool ClockDriver::advanceTo(Deadline moment)
{
    TestWait wait(QStringLiteral("advance()"));
    auto *const outerWait = std::exchange(m_advancing, &wait);
    const auto outerTarget = std::exchange(m_target, moment);
    m_core.postCheck();
    const bool isDone = wait.exec();
    m_problem = wait.problem();
    m_advancing = outerWait;
    m_target = outerTarget;
    return isDone;
}

bool ClockDriver::waitUntilIdle(std::chrono::milliseconds limit)
{
    TestWait wait(QStringLiteral("waitUntilIdle()"));
    m_idlers.push_back(&wait);
    m_core.postCheck();
    const bool isDone = wait.exec(limit);
    m_problem = wait.problem();
    m_idlers.erase(std::find(m_idlers.begin(), m_idlers.end(), &wait));
    return isDone;
}

/// A clock that is still there in another test would move that one's time.
void ClockDriver::complainIfOutlived()
{
    if (m_hasComplained || m_mode == ClockCore::Mode::Watching)
        return;
    const QByteArray test = currentTest();
    if (test == m_test)
        return;
    m_hasComplained = true;
    const auto message =
        QStringLiteral("The TestClock made in %1 is still there in %2: let it end with its test, as a local "
                       "variable, or as a member that cleanup() resets.")
            .arg(m_test.isEmpty() ? QStringLiteral("no test") : QString::fromUtf8(m_test),
                 test.isEmpty() ? QStringLiteral("no test") : QString::fromUtf8(test));
    QTest::qFail(qPrintable(message), nullptr, 0);
}

} // namespace MicroIO::Detail
