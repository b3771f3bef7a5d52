// SPDX-License-Identifier: Apache-2.0
#include "services/servicefigures_p.h"

#include <QTimerEvent>

#include <algorithm>
#include <utility>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

namespace {

constexpr auto interval = 1s;

qint64 steadyNow()
{
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace

void ServiceFigures::watch(Kind kind, const QString &name, std::function<qsizetype()> count)
{
    auto added = std::make_shared<const std::function<qsizetype()>>(std::move(count));
    const std::lock_guard lock(m_mutex);
    m_counts[size_t(kind)][name].swap(added);
}

qsizetype ServiceFigures::sum(Kind kind) const
{
    Counts counts; // called with the mutex unlocked: whoever is the last to hold a queue destroys its items
    {
        const std::lock_guard lock(m_mutex);
        counts = m_counts[size_t(kind)];
    }
    qsizetype sum = 0;
    for (const auto &[name, count] : counts)
        sum += (*count)();
    return sum;
}

/// What was measured last, or what the loop is late by already.
std::chrono::milliseconds ServiceFigures::loopLag() const
{
    const qint64 due = m_due.load(std::memory_order_acquire);
    if (due == 0)
        return 0ms;
    const qint64 lag = std::max({m_lag.load(std::memory_order_relaxed), steadyNow() - due, qint64(0)});
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(lag));
}

LoopLagProbe::LoopLagProbe(ServiceFigures &figures)
    : m_figures(figures)
{
    arm();
}

LoopLagProbe::~LoopLagProbe()
{
    m_figures.m_due.store(0, std::memory_order_release);
}

void LoopLagProbe::arm()
{
    m_timer.start(int(std::chrono::milliseconds(interval).count()), Qt::PreciseTimer, this);
    m_figures.m_due.store(steadyNow() + std::chrono::nanoseconds(interval).count(),
                          std::memory_order_release);
}

void LoopLagProbe::timerEvent(QTimerEvent *event)
{
    if (event->timerId() != m_timer.timerId())
        return;
    m_figures.m_lag.store(steadyNow() - m_figures.m_due.load(std::memory_order_relaxed),
                          std::memory_order_relaxed);
    arm();
}

} // namespace MicroIO::Detail
