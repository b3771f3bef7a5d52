// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/ServiceThread>

#include <QMetaEnum>
#include <QObject>
#include <QStringList>

#include <atomic>

namespace Tests {

/// What the signals of a service told, and on which thread.
class ServiceSignals : public QObject
{
public:
    using State = MicroIO::ServiceThread::State;

    explicit ServiceSignals(const MicroIO::ServiceThread &service)
    {
        using MicroIO::ServiceThread;
        connect(&service, &ServiceThread::stateChanged, this,
                [this](State state) { m_states += nameOf(state); });
        connect(&service, &ServiceThread::failed, this,
                [this](const QString &error) { m_failures += error; });
        connect(&service, &ServiceThread::callbackFailed, this,
                [this](const QString &error) { m_callbackFailures += error; });
        const auto look = [this] {
            if (QThread::currentThread() != thread())
                m_isElsewhere = true;
        };
        connect(&service, &ServiceThread::stateChanged, this, look, Qt::DirectConnection);
        connect(&service, &ServiceThread::failed, this, look, Qt::DirectConnection);
        connect(&service, &ServiceThread::callbackFailed, this, look, Qt::DirectConnection);
    }

    QString states() const { return m_states.join(QLatin1Char(' ')); }
    QStringList failures() const { return m_failures; }
    QStringList callbackFailures() const { return m_callbackFailures; }
    bool isElsewhere() const { return m_isElsewhere; }

    static QString nameOf(State state)
    {
        return QString::fromLatin1(QMetaEnum::fromType<State>().valueToKey(int(state)));
    }

private:
    QStringList m_states;
    QStringList m_failures;
    QStringList m_callbackFailures;
    std::atomic<bool> m_isElsewhere = false;
};

} // namespace Tests
