// SPDX-License-Identifier: Apache-2.0
#include "primecounter.h"

#include <MicroIO/RunInThread>

using namespace MicroIO;
using namespace std::chrono_literals;

/// Where it begins anew.
static constexpr quint64 largest = 10'000'000;

static bool isPrime(quint64 number)
{
    if (number < 4)
        return number >= 2;
    if (number % 2 == 0)
        return false;
    for (quint64 divisor = 3; divisor * divisor <= number; divisor += 2) {
        if (number % divisor == 0)
            return false;
    }
    return true;
}

PrimeCounter::PrimeCounter(WorkCounter primes, JournalLink journal, quint64 blockSize)
    : LoopServiceThread(QStringLiteral("primes"))
    , m_primes(std::move(primes))
    , m_journal(std::move(journal))
    , m_blockSize(blockSize)
{
}

qint64 PrimeCounter::primesBetween(quint64 first, quint64 end, const CancelScope &scope)
{
    qint64 count = 0;
    for (quint64 number = first; number < end; ++number) {
        if (number % 256 == 0)
            scope.throwIfCancelled();
        count += isPrime(number);
    }
    return count;
}

QCoro::Task<> PrimeCounter::runAsync(CancelScope scope)
{
    reportStarted();
    qint64 sum = 0;
    for (quint64 first = 0;; first += m_blockSize) {
        if (first >= largest) {
            first = 0;
            sum = 0;
        }
        const quint64 end = first + m_blockSize;
        const auto count = [first, end](CancelScope job) { return primesBetween(first, end, job); };
        const qint64 primes = co_await runInThread(scope, count);
        sum += primes;
        m_primes.add(primes);
        m_journal.append(QStringLiteral("%1 primes below %2").arg(sum).arg(end));
        co_await scope.sleep(20ms); // a processor is not for us alone
    }
}
