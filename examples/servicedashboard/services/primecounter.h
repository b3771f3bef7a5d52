// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "journallink.h"
#include "workcounter.h"

#include <MicroIO/LoopServiceThread>

/// Counts primes, a block of numbers at a time, on a thread of the pool, so that its event loop stays free; it writes each
/// sum to the journal.
class PrimeCounter : public MicroIO::LoopServiceThread
{
    Q_OBJECT

public:
    PrimeCounter(WorkCounter primes, JournalLink journal, quint64 blockSize = 5'000);

    /// How many primes there are from \a first on and below \a end; throws Cancelled soon after \a scope is cancelled.
    static qint64 primesBetween(quint64 first, quint64 end, const MicroIO::CancelScope &scope);

private:
    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override;

    const WorkCounter m_primes;
    const JournalLink m_journal;
    const quint64 m_blockSize;
};
