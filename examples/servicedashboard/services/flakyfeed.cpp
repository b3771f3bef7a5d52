// SPDX-License-Identifier: Apache-2.0
#include "flakyfeed.h"

#include <exception>
#include <stdexcept>
#include <string>

using namespace MicroIO;
using namespace std::chrono_literals;

FlakyFeed::FlakyFeed(quint32 seed, double failureChance, WorkCounter readings)
    : LoopServiceThread(QStringLiteral("feed"))
    , m_random(seed)
    , m_failureChance(failureChance)
    , m_readings(std::move(readings))
{
}

QCoro::Task<> FlakyFeed::runAsync(CancelScope scope)
{
    reportStarted();
    for (qint64 number = 1;; ++number) {
        co_await scope.sleep(100ms);
        read(number);
        m_readings.add();
    }
}

void FlakyFeed::read(qint64 number)
{
    if (m_random.generateDouble() >= m_failureChance)
        return;
    static constexpr const char *causes[] = {"its checksum is wrong", "it is out of range",
                                             "the sensor is silent"};
    try {
        throw std::runtime_error(causes[m_random.bounded(int(std::size(causes)))]);
    } catch (const std::exception &) {
        std::throw_with_nested(std::runtime_error("there is no reading " + std::to_string(number)));
    }
}
