// SPDX-License-Identifier: Apache-2.0
#include "crew.h"

#include "echoserver.h"
#include "flakyfeed.h"
#include "folderwatcher.h"
#include "journal.h"
#include "loadgenerator.h"
#include "primecounter.h"

#include <MicroIO/Service>

#include <QLocale>

#include <stdexcept>
#include <utility>

using namespace MicroIO;
using namespace std::chrono_literals;

Crew::Crew(const CrewOptions &options, QObject *parent)
    : QObject(parent)
    , m_freezeTime(options.freezeTime)
    , m_seeds(options.seed)
{
    if (!m_ownFolder.isValid())
        throw std::runtime_error("no temporary folder: " + m_ownFolder.errorString().toStdString());
    m_supervisor.setObjectName(QStringLiteral("crew"));
    m_supervisor.setIntensity(options.intensity);
    m_supervisor.setBackoff(options.backoff);
    m_supervisor.setOnLimit(Supervisor::OnLimit::Pause);
    connect(&m_supervisor, &Supervisor::stateChanged, this, [this](Supervisor::State state) {
        if (state == Supervisor::State::Stopping)
            thaw(); // who quits does not wait for that
    });
    addServices(options);
}

Crew::~Crew()
{
    thaw();
}

template<typename Factory>
void Crew::add(Member member, Factory factory, std::chrono::milliseconds heartbeat)
{
    Supervisor::ServiceSpec spec;
    spec.name = nameOf(member);
    spec.factory = std::move(factory);
    spec.stopTimeout = 1s;
    spec.heartbeat = heartbeat;
    spec.onUnresponsive = Supervisor::OnUnresponsive::Replace;
    m_supervisor.addService(spec);
}

void Crew::addServices(const CrewOptions &options)
{
    const QString journalFile = m_ownFolder.filePath(QStringLiteral("journal.txt"));
    const QString folder = options.folder.isEmpty() ? m_ownFolder.path() : options.folder;
    const double failureChance = options.feedFailureChance;

    add(Echo, [this] { return makeService<EchoServer>(m_address, m_work[Echo]); });
    add(Load, [this] { return makeService<LoadGenerator>(m_address, m_work[Load]); });
    add(Watcher, [this, folder] { return makeService<FolderWatcher>(folder, m_work[Watcher]); });
    add(Primes, [this] { return makeService<PrimeCounter>(m_work[Primes], m_journal); });
    add(Feed, [this, failureChance] {
        const auto seed = quint32(m_seeds()); // each instance has its own fate
        return makeService<FlakyFeed>(seed, failureChance, m_work[Feed]);
    });
    add(
        Journalist,
        [this, journalFile] { return makeService<Journal>(journalFile, m_journal, m_work[Journalist]); },
        options.heartbeat);
}

QString Crew::nameOf(Member member)
{
    switch (member) {
    case Echo:
        return QStringLiteral("echo");
    case Load:
        return QStringLiteral("load");
    case Watcher:
        return QStringLiteral("watcher");
    case Primes:
        return QStringLiteral("primes");
    case Feed:
        return QStringLiteral("feed");
    case Journalist:
        return QStringLiteral("journal");
    case MemberCount:
        break;
    }
    return {};
}

bool Crew::crash(const QString &name)
{
    auto *service = m_supervisor.instance(name);
    if (!service
        || (service->state() != ServiceThread::State::Starting
            && service->state() != ServiceThread::State::Running))
        return false;
    return service->closeScope().fail(std::make_exception_ptr(std::runtime_error("crashed on demand")));
}

bool Crew::freezeJournal()
{
    auto *journal = qobject_cast<Journal *>(m_supervisor.instance(nameOf(Journalist)));
    if (!journal || journal->state() != ServiceThread::State::Running)
        return false;
    try {
        journal->freeze(m_thaw, m_freezeTime);
    } catch (const ServiceError &) {
        return false; // it has just ended
    }
    return true;
}

void Crew::thaw()
{
    m_thaw.close();
    if (m_supervisor.state() == Supervisor::State::Running)
        m_thaw = CloseScope(); // for the next time
}

qint64 Crew::work(Member member) const
{
    return m_work.at(member).count();
}

QString Crew::workText(Member member) const
{
    const qint64 count = work(member);
    const auto text = [&](const char *one, const char *many) {
        return QStringLiteral("%1 %2").arg(QLocale().toString(count), QLatin1String(count == 1 ? one : many));
    };
    switch (member) {
    case Echo:
        return text("echo", "echoes");
    case Load:
        return text("answer", "answers");
    case Watcher:
        return text("change", "changes");
    case Primes:
        return text("prime", "primes");
    case Feed:
        return text("reading", "readings");
    case Journalist:
        return text("line", "lines");
    case MemberCount:
        break;
    }
    return {};
}
