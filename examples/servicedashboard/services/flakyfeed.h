// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workcounter.h"

#include <MicroIO/LoopServiceThread>

#include <QRandomGenerator>

/// Takes a reading ten times a second, and fails now and then, as services that depend on others do; counts readings.
class FlakyFeed : public MicroIO::LoopServiceThread
{
    Q_OBJECT

public:
    /// Each reading fails with a probability of \a failureChance; when, and how, follows from \a seed.
    FlakyFeed(quint32 seed, double failureChance, WorkCounter readings);

private:
    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override;
    void read(qint64 number);

    QRandomGenerator m_random; // of the service's thread
    const double m_failureChance;
    const WorkCounter m_readings;
};
