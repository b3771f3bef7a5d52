// SPDX-License-Identifier: Apache-2.0
#include "dashboard.h"

#include "crew.h"

#include <MicroIO/Supervisor>

#include <chrono>

using namespace MicroIO;
using namespace std::chrono_literals;

Dashboard::Dashboard(Crew &crew, QObject *parent)
    : QObject(parent)
    , m_crew(crew)
{
    const auto &supervisor = crew.supervisor();
    connect(&supervisor, &Supervisor::stateChanged, this, &Dashboard::update);
    connect(&supervisor, &Supervisor::serviceStateChanged, this, &Dashboard::update);
    connect(&supervisor, &Supervisor::serviceUnresponsive, this, &Dashboard::update);
    connect(&m_timer, &QTimer::timeout, this, &Dashboard::update);
    m_timer.start(500ms);
    update();
}

QObject *Dashboard::supervisor() const
{
    return &m_crew.supervisor();
}

QString Dashboard::journal() const
{
    return Crew::nameOf(Crew::Journalist);
}

void Dashboard::crash(const QString &name)
{
    m_crew.crash(name);
}

void Dashboard::freezeJournal()
{
    m_crew.freezeJournal();
}

void Dashboard::update()
{
    QVariantMap work;
    for (int i = 0; i < Crew::MemberCount; ++i) {
        const auto member = Crew::Member(i);
        work.insert(Crew::nameOf(member), m_crew.workText(member));
    }
    if (work != m_work) {
        m_work = work;
        Q_EMIT workChanged();
    }

    const auto &supervisor = m_crew.supervisor();
    const auto services = supervisor.services();
    const auto running = std::count_if(
        services.cbegin(), services.cend(),
        [](const Supervisor::ServiceInfo &info) { return info.state == ServiceThread::State::Running; });
    QString summary = tr("%1 of %2 run").arg(running).arg(services.size());
    if (const auto silent = supervisor.unresponsive(); !silent.isEmpty())
        summary += tr("; no answer from %1").arg(silent.join(QStringLiteral(", ")));
    if (supervisor.state() == Supervisor::State::Failed)
        summary += tr("; the supervisor has given up: %1").arg(supervisor.errorString());
    if (summary != m_summary) {
        m_summary = summary;
        Q_EMIT summaryChanged();
    }
}
