// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "supervision/supervisorcore_p.h"

#include <QHash>
#include <QString>
#include <QStringList>

#include <chrono>
#include <functional>
#include <stdexcept>

namespace Tests {

/// Plays events to a supervisor's state machine and writes down what it wants to have done.
///
/// Children are given as "a b:t c:es": names with flags: t for Transient, e for Temporary, s for significant, c for contained,
/// m for one that becomes ready and ends when the script says so; others do at once.
///
/// A script is a list of events: "start, fail b, +500, stop"; "+500" lets 500 ms pass. The log names what came out; "@500"
/// stands before what happened at that time.
class CoreScript
{
public:
    using Core = MicroIO::Detail::SupervisorCore;
    using Action = MicroIO::Detail::SupervisorAction;
    using End = MicroIO::Detail::ChildEnd;

    CoreScript(Core::Rules rules, const QString &children)
    {
        m_core.rules = std::move(rules);
        for (const QString &child : children.split(QLatin1Char(' '), Qt::SkipEmptyParts))
            add(child);
    }

    void run(const QString &script)
    {
        for (const QString &step : script.split(QStringLiteral(", "), Qt::SkipEmptyParts)) {
            play(step);
            pump();
        }
    }

    QString log() const { return m_log.join(QStringLiteral(", ")); }
    const Core &core() const { return m_core; }

private:
    struct Child
    {
        QString name;
        bool isManual = false;
    };

    void add(const QString &text)
    {
        using Restart = MicroIO::Supervisor::Restart;
        const QString name = text.section(QLatin1Char(':'), 0, 0);
        const QString flags = text.section(QLatin1Char(':'), 1);
        MicroIO::Detail::ChildRules rules;
        if (flags.contains(QLatin1Char('t')))
            rules.restart = Restart::Transient;
        if (flags.contains(QLatin1Char('e')))
            rules.restart = Restart::Temporary;
        rules.isSignificant = flags.contains(QLatin1Char('s'));
        rules.isContained = flags.contains(QLatin1Char('c'));
        rules.startLimit = std::chrono::milliseconds(1000);
        rules.stopLimit = std::chrono::milliseconds(200);
        m_children.insert(++m_last, {name, flags.contains(QLatin1Char('m'))});
        m_ids.insert(name, m_last);
        m_core.add(m_last, rules, m_now);
    }

    void play(const QString &step)
    {
        if (step.startsWith(QLatin1Char('+'))) {
            pass(std::chrono::milliseconds(step.mid(1).toInt()));
            return;
        }
        const QString verb = step.section(QLatin1Char(' '), 0, 0);
        const QString object = step.section(QLatin1Char(' '), 1);
        const auto id = m_ids.value(object);
        const auto error = std::make_exception_ptr(std::runtime_error("boom"));
        const QHash<QString, std::function<void()>> verbs{
            {QStringLiteral("ready"), [&] { m_core.ready(id, m_now); }},
            {QStringLiteral("end"), [&] { m_core.ended(id, {}, m_now); }},
            {QStringLiteral("fail"),
             [&] {
                 m_core.ended(id, {End::Way::Error, error}, m_now);
             }},
            {QStringLiteral("leave"),
             [&] {
                 m_core.ended(id, {End::Way::DoNotRestart, error}, m_now);
             }},
            {QStringLiteral("terminate"),
             [&] {
                 m_core.ended(id, {End::Way::TerminateSupervisor, error}, m_now);
             }},
            {QStringLiteral("hang"), [&] { m_core.unresponsive(id, error, m_now); }},
            {QStringLiteral("add"), [&] { add(object); }},
            {QStringLiteral("remove"), [&] { note(m_core.removeChild(id, m_now)); }},
            {QStringLiteral("restart"), [&] { note(m_core.restartChild(id, m_now)); }},
            {QStringLiteral("refuse"),
             [&] {
                 m_core.refuseStart(id, {End::Way::Error, error});
             }},
            {QStringLiteral("start"), [&] { id ? note(m_core.startChild(id, m_now)) : m_core.start(m_now); }},
            {QStringLiteral("stop"), [&] { id ? note(m_core.stopChild(id, m_now)) : m_core.stop(m_now); }},
            {QStringLiteral("stopWithin"),
             [&] {
                 const auto limit = m_now + std::chrono::milliseconds(object.toInt());
                 m_core.stop(m_now, {limit, limit});
             }},
        };
        if (!verbs.contains(verb))
            throw std::invalid_argument(step.toStdString());
        verbs.value(verb)();
    }

    void pass(std::chrono::nanoseconds duration)
    {
        const auto target = m_now + duration;
        while (m_core.due() <= target) {
            m_now = std::max(m_now, m_core.due());
            m_core.timeout(m_now);
            pump();
        }
        m_now = target;
    }

    void pump()
    {
        for (;;) {
            for (const Action &action : m_core.takeActions())
                perform(action);
            if (m_replies.empty())
                return;
            const auto reply = m_replies.front();
            m_replies.erase(m_replies.begin());
            reply();
        }
    }

    void perform(const Action &action)
    {
        const auto id = action.child;
        const QString name = m_children.value(id).name;
        const bool isManual = m_children.value(id).isManual;
        switch (action.kind) {
        case Action::Kind::Start:
            write(startText(action) + name
                  + (action.because == Action::Because::Sibling
                         ? QStringLiteral(" with %1").arg(m_children.value(action.culprit).name)
                         : QString()));
            if (!isManual)
                m_replies.push_back([this, id] { m_core.ready(id, m_now); });
            break;
        case Action::Kind::Stop:
            write(QStringLiteral("stop %1").arg(name));
            if (!isManual)
                m_replies.push_back([this, id] { m_core.ended(id, {}, m_now); });
            break;
        case Action::Kind::SetAside:
            write(QStringLiteral("%1 aside").arg(name));
            break;
        case Action::Kind::Remove:
            write(QStringLiteral("%1 gone").arg(name));
            break;
        case Action::Kind::Report:
            write(QStringLiteral("(%1)").arg(verdictText(action).arg(name)));
            break;
        case Action::Kind::Ready:
            write(QStringLiteral("up"));
            break;
        case Action::Kind::ShutDown:
            write(QStringLiteral("down"));
            break;
        case Action::Kind::End:
            write(endText());
            break;
        }
    }

    static QString startText(const Action &action)
    {
        switch (action.because) {
        case Action::Because::First:
            return QStringLiteral("start ");
        case Action::Because::ByHand:
            return QStringLiteral("again ");
        case Action::Because::Failure:
        case Action::Because::Sibling:
            return QStringLiteral("restart ");
        }
        return {};
    }

    static QString verdictText(const Action &action)
    {
        using Verdict = Action::Verdict;
        const auto delay = QString::number(
            std::chrono::duration_cast<std::chrono::milliseconds>(action.delay).count());
        switch (action.verdict) {
        case Verdict::Restart:
            return action.delay.count() ? QStringLiteral("%1 in ") + delay : QStringLiteral("%1");
        case Verdict::RestartWithSibling:
            return QStringLiteral("%1 too");
        case Verdict::RestartByHand:
            return QStringLiteral("%1 again");
        case Verdict::Wait:
            return QStringLiteral("%1 waits ") + delay;
        case Verdict::Pause:
            return QStringLiteral("%1 pauses ") + delay;
        case Verdict::LeaveDown:
            return QStringLiteral("%1 left");
        case Verdict::GiveUpStart:
            return QStringLiteral("%1 no start");
        case Verdict::GiveUp:
            return QStringLiteral("%1 too often");
        case Verdict::Terminate:
            return QStringLiteral("%1 terminates");
        case Verdict::AutoShutdown:
            return QStringLiteral("%1 done");
        case Verdict::GoOnStopping:
            return QStringLiteral("%1 late");
        case Verdict::SetAside:
            return QStringLiteral("%1 deaf");
        }
        return {};
    }

    QString endText() const
    {
        using Way = MicroIO::Detail::SupervisorEnd::Way;
        switch (m_core.end().way) {
        case Way::Normal:
            return QStringLiteral("ended");
        case Way::StartFailed:
            return QStringLiteral("failed to start");
        case Way::TooManyRestarts:
            return QStringLiteral("failed");
        case Way::Terminated:
            return QStringLiteral("terminated");
        }
        return {};
    }

    void write(const QString &line)
    {
        const auto moment = std::chrono::duration_cast<std::chrono::milliseconds>(m_now - m_begin).count();
        if (moment != m_writtenAt)
            m_log += QStringLiteral("@%1").arg(moment);
        m_writtenAt = moment;
        m_log += line;
    }
    void note(bool isDone)
    {
        if (!isDone)
            write(QStringLiteral("no"));
    }

    const MicroIO::Deadline m_begin{std::chrono::hours(1)};
    MicroIO::Deadline m_now = m_begin;
    qint64 m_writtenAt = 0;
    Core m_core;
    QHash<quint64, Child> m_children;
    QHash<QString, quint64> m_ids;
    quint64 m_last = 0;
    std::vector<std::function<void()>> m_replies;
    QStringList m_log;
};

} // namespace Tests
