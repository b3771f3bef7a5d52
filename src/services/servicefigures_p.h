// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QBasicTimer>
#include <QObject>
#include <QString>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace MicroIO::Detail {

/// Numbers that a service tells about itself. Any thread.
class ServiceFigures
{
public:
    enum class Kind : quint8 { Queue, Requests };

    /// \a count is called on any thread.
    void watch(Kind kind, const QString &name, std::function<qsizetype()> count);
    qsizetype sum(Kind kind) const;

    std::chrono::milliseconds loopLag() const;

private:
    friend class LoopLagProbe;
    using Counts = std::map<QString, std::shared_ptr<const std::function<qsizetype()>>>;

    mutable std::mutex m_mutex;
    Counts m_counts[2]; // by kind; guarded by m_mutex
    std::atomic<qint64> m_due{
        0}; // when the loop's timer is to ring, in ns of the steady clock; 0 without a loop
    std::atomic<qint64> m_lag{0}; // how late it was last, in ns
};

/// Lives in a service's loop and measures how late that is, once a second. Real time also under a test's clock, where
/// a timer for ever would keep the time moving.
class LoopLagProbe final : public QObject
{
public:
    explicit LoopLagProbe(ServiceFigures &figures);
    ~LoopLagProbe() override;

protected:
    void timerEvent(QTimerEvent *event) override;

private:
    void arm();

    ServiceFigures &m_figures;
    QBasicTimer m_timer;
};

} // namespace MicroIO::Detail
