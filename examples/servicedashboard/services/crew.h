// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "echoaddress.h"
#include "journallink.h"
#include "workcounter.h"

#include <MicroIO/CloseScope>
#include <MicroIO/Supervisor>

#include <QObject>
#include <QStringList>
#include <QTemporaryDir>

#include <array>
#include <chrono>
#include <random>

/// How the services of a Crew behave.
struct CrewOptions
{
    /// What the watcher watches; if empty, where the journal is written.
    QString folder;
    quint32 seed = std::random_device()();
    /// Of each of the feed's readings, ten a second.
    double feedFailureChance = 0.004;
    MicroIO::Supervisor::Intensity intensity{5, std::chrono::seconds(10)};
    MicroIO::Supervisor::Backoff backoff{.initial = std::chrono::milliseconds(100),
                                         .maximum = std::chrono::seconds(10)};
    /// Of the journal, which is the one that freezes, and for how long.
    std::chrono::milliseconds heartbeat{2'000};
    std::chrono::milliseconds freezeTime{10'000};
};

/// The services of the dashboard and their supervisor.
///
/// The load generator keeps the echo server busy; the prime counter writes to the journal, whose file the watcher watches;
/// the feed fails now and then. Lives on the thread that makes it, which needs an event loop.
class Crew : public QObject
{
    Q_OBJECT

public:
    /// In the order of their start.
    enum Member { Echo, Load, Watcher, Primes, Feed, Journalist, MemberCount };

    /// Throws std::runtime_error if there can be no temporary folder.
    explicit Crew(const CrewOptions &options = {}, QObject *parent = nullptr);
    /// Stops them.
    ~Crew() override;

    static QString nameOf(Member member);

    MicroIO::Supervisor &supervisor() { return m_supervisor; }
    void start() { m_supervisor.start(); }

    /// Has it fail, as if by an error of its own; false if there is no such service, or if it does not run.
    bool crash(const QString &name);
    /// Has the journal's event loop stand still; false if it is down.
    bool freezeJournal();
    /// Ends that before its time.
    void thaw();

    /// What it has done, in all its instances.
    qint64 work(Member member) const;
    /// The same for people.
    QString workText(Member member) const;

private:
    void addServices(const CrewOptions &options);
    template<typename Factory>
    void add(Member member, Factory factory, std::chrono::milliseconds heartbeat = {});

    const QTemporaryDir m_ownFolder;
    const std::chrono::milliseconds m_freezeTime;
    std::mt19937 m_seeds;
    std::array<WorkCounter, MemberCount> m_work;
    EchoAddress m_address;
    JournalLink m_journal;
    MicroIO::CloseScope m_thaw;
    MicroIO::Supervisor m_supervisor; // behind what its services use
};
