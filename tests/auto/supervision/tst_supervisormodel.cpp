// SPDX-License-Identifier: Apache-2.0
#include "../shared/sanitized.h"
#include "supervision/supervisorcore_p.h"

#include <QtTest/QtTest>

#include <deque>
#include <map>
#include <random>

using namespace MicroIO;
using namespace std::chrono_literals;
using Core = Detail::SupervisorCore;
using Action = Detail::SupervisorAction;
using Kind = Action::Kind;
using Verdict = Action::Verdict;
using Because = Action::Because;
using Reason = Action::Reason;
using Way = Detail::ChildEnd::Way;
using Strategy = Supervisor::Strategy;
using Restart = Supervisor::Restart;

namespace {

/// Plays one random sequence of events to the state machine, and checks what comes out against what is known to live.
class Sequence
{
public:
    explicit Sequence(quint32 seed)
        : m_random(seed)
    {
        m_byHand = chance(2);
        m_core.rules.strategy = Strategy(below(3));
        m_core.rules.onLimit = Supervisor::OnLimit(below(2));
        m_core.rules.autoShutdown = Supervisor::AutoShutdown(below(3));
        m_intensity = {int(below(4)), std::chrono::milliseconds(1 + below(100))};
        m_core.rules.limit = Detail::RestartLimit(m_intensity);
        Supervisor::Backoff backoff;
        backoff.initial = chance(2) ? 0ms : std::chrono::milliseconds(below(20));
        backoff.maximum = backoff.initial + std::chrono::milliseconds(below(50));
        backoff.jitter = chance(2) ? 0 : 0.5;
        m_core.rules.backoff.set(backoff);
        m_core.rules.backoff.setSeed(seed);
        const int children = int(below(6));
        for (int i = 0; i < children; ++i)
            add();
    }

    /// Empty if all was right.
    QString run()
    {
        m_core.start(m_now);
        perform();
        for (int i = 0; i < 40 && m_fault.isEmpty(); ++i) {
            step();
            perform();
        }
        comeToRest();
        stopAll();
        return m_fault;
    }

private:
    enum class State { Down, Starting, Running, Stopping };
    struct Child
    {
        Detail::ChildRules rules;
        State state = State::Down;
        bool wasStarted = false;
        bool mayBeDown = false; // it has said so, or somebody has
    };

    quint32 below(quint32 limit) { return limit ? quint32(m_random() % limit) : 0; }
    bool chance(quint32 oneIn) { return below(oneIn) == 0; }
    void fault(const QString &what)
    {
        if (m_fault.isEmpty())
            m_fault = what;
    }
    void check(bool isRight, const char *what, quint64 child = 0)
    {
        if (!isRight)
            fault(QStringLiteral("%1 (child %2)").arg(QString::fromLatin1(what)).arg(child));
    }

    void add()
    {
        Child child;
        child.rules.restart = Restart(below(3));
        child.rules.isSignificant = child.rules.restart != Restart::Permanent && chance(3);
        child.rules.isContained = chance(2);
        child.rules.startLimit = 30ms;
        child.rules.stopLimit = 20ms;
        child.mayBeDown = m_isUp; // if its first start fails
        m_children.emplace(++m_last, child);
        m_core.add(m_last, child.rules, m_now);
    }

    quint64 anyChild()
    {
        if (m_children.empty())
            return 0;
        auto found = m_children.begin();
        std::advance(found, below(quint32(m_children.size())));
        return found->first;
    }

    void end(quint64 id, Way way)
    {
        Child &child = m_children[id];
        if (child.state == State::Down)
            return;
        if (way == Way::DoNotRestart || way == Way::TerminateSupervisor)
            child.mayBeDown = true;
        child.state = State::Down;
        m_core.ended(id, {way, way == Way::Normal ? nullptr : m_error}, m_now);
    }

    void step()
    {
        const auto id = anyChild();
        switch (below(m_byHand ? 15 : 9)) {
        case 0:
        case 1:
            answer();
            return;
        case 2:
        case 3:
            if (id)
                end(id, Way::Error);
            return;
        case 4:
            if (id)
                end(id, Way::Normal);
            return;
        case 5:
            if (id && chance(3))
                end(id, chance(4) ? Way::TerminateSupervisor : Way::DoNotRestart);
            return;
        case 6:
        case 7:
            pass(std::chrono::milliseconds(below(20)));
            return;
        case 8:
            while (answer())
                perform();
            return;
        case 9:
            if (m_children.size() < 8)
                add();
            return;
        case 10:
            if (m_core.removeChild(id, m_now))
                m_children[id].mayBeDown = true;
            return;
        case 11:
            if (m_core.stopChild(id, m_now))
                m_children[id].mayBeDown = true;
            return;
        case 12:
            if (m_core.startChild(id, m_now))
                m_children[id].mayBeDown = true; // if that fails
            return;
        case 13:
            if (m_core.restartChild(id, m_now) && m_children[id].state == State::Down)
                m_children[id].mayBeDown = true; // the same
            return;
        case 14:
            m_core.unresponsive(id, m_error, m_now);
            return;
        }
    }

    /// Lets one child do what it was asked for.
    bool answer()
    {
        for (auto &[id, child] : m_children) {
            if (child.state == State::Starting) {
                child.state = State::Running;
                m_core.ready(id, m_now);
                return true;
            }
            if (child.state == State::Stopping) {
                end(id, Way::Normal);
                return true;
            }
        }
        return false;
    }

    void pass(std::chrono::milliseconds duration)
    {
        const auto target = m_now + duration;
        for (int i = 0; m_core.due() <= target; ++i) {
            m_now = std::max(m_now, m_core.due());
            m_core.timeout(m_now);
            perform();
            if (i > 1000)
                return fault(QStringLiteral("timers without end"));
        }
        m_now = target;
    }

    void perform()
    {
        for (auto batch = m_core.takeActions(); !batch.empty(); batch = m_core.takeActions()) {
            for (const auto &action : batch)
                perform(action);
        }
    }

    void perform(const Action &action)
    {
        check(!m_hasEnded, "something happens after the end", action.child);
        switch (action.kind) {
        case Kind::Start:
            started(action);
            return;
        case Kind::Stop:
            stopped(action);
            return;
        case Kind::SetAside:
            check(m_children[action.child].state == State::Stopping, "set aside unasked", action.child);
            m_children[action.child].state = State::Down;
            return;
        case Kind::Remove:
            check(m_children[action.child].state == State::Down, "a live child is gone", action.child);
            m_children.erase(action.child);
            return;
        case Kind::Report:
            reported(action);
            return;
        case Kind::Ready:
            check(!m_isUp, "ready twice");
            m_isUp = true;
            return;
        case Kind::ShutDown:
            m_isGoing = true;
            return;
        case Kind::End:
            for (const auto &[id, child] : m_children)
                check(child.state == State::Down, "alive at the end", id);
            m_hasEnded = true;
            return;
        }
    }

    void started(const Action &action)
    {
        const auto id = action.child;
        Child &started = m_children[id];
        check(!m_isGoing, "started while all are stopped", id);
        check(started.state == State::Down, "two live instances", id);
        check(started.rules.restart != Restart::Temporary || !started.wasStarted
                  || action.because == Because::First || action.because == Because::ByHand,
              "a temporary one is restarted", id);
        check(m_byHand || m_now >= m_pausedUntil || action.because == Because::First,
              "restarted in the pause", id);
        const bool isOrdered = m_core.rules.strategy != Strategy::OneForOne;
        for (const auto &[other, child] : m_children) {
            if (m_byHand || other == id)
                continue;
            if (isOrdered) {
                check(child.state != State::Starting && child.state != State::Stopping,
                      "started while another one starts or stops", id);
                check(child.state == State::Down || other < id, "started while a later one is up", id);
            } else if (action.because == Because::First) {
                check(other > id || child.wasStarted, "started before an earlier one", id);
                check(other < id || !child.wasStarted, "started behind a later one", id);
            }
        }
        started.state = State::Starting;
        started.wasStarted = true;
    }

    void stopped(const Action &action)
    {
        const auto id = action.child;
        Child &stopped = m_children[id];
        check(stopped.state == State::Starting || stopped.state == State::Running, "stopped twice", id);
        const bool isInOrder = (action.reason == Reason::ShutDown && !m_hasStopLimit)
                               || (action.reason == Reason::Sibling && !m_byHand);
        for (const auto &[other, child] : m_children)
            check(!isInOrder || other <= id || child.state == State::Down, "stopped before a later one", id);
        stopped.state = State::Stopping;
    }

    void reported(const Action &action)
    {
        while (!m_restarts.empty() && m_now - m_restarts.front() > m_intensity.period)
            m_restarts.pop_front();
        switch (action.verdict) {
        case Verdict::Restart:
            m_restarts.push_back(m_now);
            check(qsizetype(m_restarts.size()) <= m_intensity.restarts, "the intensity is exceeded",
                  action.child);
            return;
        case Verdict::AutoShutdown: {
            const auto &rules = m_children[action.child].rules;
            check(m_core.rules.autoShutdown != Supervisor::AutoShutdown::Never && rules.isSignificant
                      && (rules.restart == Restart::Temporary || action.cause.way == Way::Normal),
                  "ended for nothing", action.child);
            return;
        }
        case Verdict::Pause:
            m_pausedUntil = m_now + action.delay;
            [[fallthrough]];
        case Verdict::GiveUp:
            check(qsizetype(m_restarts.size()) == m_intensity.restarts, "given up too early", action.child);
            m_restarts.clear();
            return;
        default:
            return;
        }
    }

    /// When nobody fails any more, and all do as they are asked, all are up that are to be.
    void comeToRest()
    {
        for (int i = 0; i < 60; ++i) {
            while (answer())
                perform();
            pass(5ms);
        }
        if (m_isGoing || m_hasEnded)
            return;
        check(m_isUp, "never ready");
        for (const auto &[id, child] : m_children) {
            check(child.rules.restart != Restart::Permanent || child.mayBeDown
                      || child.state == State::Running,
                  "never restarted", id);
        }
    }

    void stopAll()
    {
        m_hasStopLimit = chance(2);
        const Deadline limit = m_hasStopLimit ? m_now + 25ms : Deadline::max();
        m_core.stop(m_now, {limit, limit});
        perform();
        for (int i = 0; i < 1000 && !m_hasEnded && m_fault.isEmpty(); ++i) {
            if (chance(2))
                answer();
            else
                pass(std::chrono::milliseconds(below(10)));
            perform();
        }
        check(m_hasEnded, "it does not end");
        const auto id = anyChild();
        m_core.startChild(id, m_now);
        m_core.ready(id, m_now);
        m_core.ended(id, {Way::Error, m_error}, m_now);
        m_core.stop(m_now, {m_now, m_now});
        m_core.timeout(m_now + 1h);
        perform();
    }

    std::mt19937 m_random;
    Core m_core;
    Supervisor::Intensity m_intensity{};
    bool m_byHand = false; // then the order of starts is partly somebody else's
    Deadline m_now{1h};
    std::map<quint64, Child> m_children;
    quint64 m_last = 0;
    std::deque<Deadline> m_restarts;
    Deadline m_pausedUntil = Deadline::min();
    bool m_isUp = false;
    bool m_isGoing = false;
    bool m_hasEnded = false;
    bool m_hasStopLimit = false;
    QString m_fault;
    const std::exception_ptr m_error = std::make_exception_ptr(std::runtime_error("boom"));
};

} // namespace

/// The state machine against a model that only knows who lives. MICROIO_SEED plays a run again.
class tst_SupervisorModel : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void randomSequences();
};

void tst_SupervisorModel::randomSequences()
{
    bool isGiven = false;
    auto seed = qEnvironmentVariable("MICROIO_SEED").toUInt(&isGiven);
    if (!isGiven)
        seed = std::random_device()();
    qInfo("seed %u", seed);
#ifdef MICROIO_TEST_SANITIZED
    constexpr quint32 sequences = 5'000;
#else
    constexpr quint32 sequences = 100'000;
#endif
    for (quint32 i = 0; i < sequences; ++i) {
        const QString fault = Sequence(seed + i).run();
        QVERIFY2(fault.isEmpty(), qPrintable(QStringLiteral("MICROIO_SEED=%1: %2").arg(seed + i).arg(fault)));
    }
}

QTEST_GUILESS_MAIN(tst_SupervisorModel)

#include "tst_supervisormodel.moc"
