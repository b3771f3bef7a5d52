// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../shared/fakesource.h"
#include "../shared/messagelog.h"

#include <MicroIO/Supervisor>

#include <QObject>
#include <QString>
#include <QStringList>
#include <QVariantMap>
#include <QtQml/qqmlregistration.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

/// What tests in QML do to services, and what they see that QML does not.
class Rig : public QObject
{
    Q_OBJECT
    QML_ELEMENT
    Q_PROPERTY(QObject *supervisor READ supervisor NOTIFY supervisorChanged)

public:
    explicit Rig(QObject *parent = nullptr);
    ~Rig() override;

    /// From now on, it is caught what anybody complains about, QML included. For init(): Qt Quick Test makes the items before it
    /// catches messages itself.
    Q_INVOKABLE void watch();
    /// What was complained about since the last call.
    Q_INVOKABLE QStringList takeWarnings();
    /// The same, and the end of it: for cleanup().
    Q_INVOKABLE QStringList endWatch();
    /// What a screen reader is told of an item: name, description, role, states.
    Q_INVOKABLE QVariantMap accessible(QObject *item) const;
    /// The screen reader's user presses it.
    Q_INVOKABLE bool press(QObject *item) const;

    // Services that never were: a test says what is told of them.

    /// To a ServiceStatus, a ServiceModel or an IncidentModel.
    Q_INVOKABLE void show(QObject *shower);
    Q_INVOKABLE void addFake(const QString &name, int place = -1);
    Q_INVOKABLE void removeFake(const QString &name);
    Q_INVOKABLE void setFakeState(const QString &name, int state, const QString &error = {});
    Q_INVOKABLE void setFakeFacts(const QString &name, int restartCount, int queued, bool canRestart);
    Q_INVOKABLE int fakeState(const QString &name) const;
    Q_INVOKABLE void addIncident(const QString &service, const QString &cause = {});
    /// Changes the state of a service in a thread of its own, so many times, within a second.
    Q_INVOKABLE void hammer(const QString &name, int times);
    Q_INVOKABLE bool isHammering() const;

    // Real ones, each of which says what it is by its name: "late…" is never ready, "broken…" fails at the start.

    QObject *supervisor() const;
    /// A new one, not started.
    Q_INVOKABLE void supervise(const QStringList &names);
    Q_INVOKABLE void start();
    Q_INVOKABLE void stop();
    Q_INVOKABLE void addService(const QString &name);
    Q_INVOKABLE void removeService(const QString &name);
    /// False if it does not run.
    Q_INVOKABLE bool fail(const QString &name);
    Q_INVOKABLE void deleteSupervisor();
    /// A ServiceThread that is not started.
    Q_INVOKABLE QObject *newThread(const QString &name);
    Q_INVOKABLE void deleteThread(QObject *thread);

Q_SIGNALS:
    void supervisorChanged();

private:
    std::shared_ptr<Tests::FakeEntry> fake(const QString &name) const;

    std::optional<Tests::MessageLog> m_log;
    const std::shared_ptr<Tests::FakeSource> m_fakes = std::make_shared<Tests::FakeSource>();
    const std::shared_ptr<Tests::FakeIncidents> m_incidents = std::make_shared<Tests::FakeIncidents>();
    std::unique_ptr<MicroIO::Supervisor> m_supervisor;
    std::vector<std::unique_ptr<MicroIO::ServiceThread>> m_threads;
    std::thread m_hammer;
    std::atomic<bool> m_isHammering = false;
};
