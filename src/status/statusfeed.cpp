// SPDX-License-Identifier: Apache-2.0
#include "status/statusfeed_p.h"

#include "loop/logging_p.h"

#include <QAbstractEventDispatcher>
#include <QPointer>
#include <QScopeGuard>
#include <QTimerEvent>

#include <utility>

namespace MicroIO::Detail {

StatusFeed::StatusFeed(QObject *owner, std::function<void()> update)
    : m_gate(UpdateGate::create(std::move(update)))
{
    owner->installEventFilter(this);
}

StatusFeed::~StatusFeed()
{
    m_gate->close();
}

ChangeSubscription StatusFeed::subscribe(std::shared_ptr<ChangeListeners> listeners) const
{
    return ChangeSubscription(std::move(listeners), [gate = m_gate] { gate->mark(); });
}

void StatusFeed::refresh()
{
    m_areFiguresDue = true;
    m_gate->mark();
}

void StatusFeed::alone(const std::function<void()> &function)
{
    if (m_isAlone) {
        m_isOverdue = true;
        return;
    }
    const QPointer<StatusFeed> alive(this);
    const auto end = qScopeGuard([&] {
        if (!alive)
            return;
        m_isAlone = false;
        if (std::exchange(m_isOverdue, false))
            mark();
    });
    m_isAlone = true;
    function();
}

void StatusFeed::figureRead()
{
    m_areToldUnread = false;
    if (m_timer.isActive() || m_interval == 0)
        return;
    startTimer();
    if (m_timer.isActive())
        refresh();
}

void StatusFeed::setInterval(int interval)
{
    m_interval = interval;
    if (interval == 0)
        m_timer.stop();
    else if (m_timer.isActive())
        startTimer();
}

void StatusFeed::startTimer()
{
    // Qt complains about timers where there will be no loop.
    if (QAbstractEventDispatcher::instance())
        m_timer.start(m_interval, Qt::CoarseTimer, this);
}

bool StatusFeed::eventFilter(QObject *owner, QEvent *event)
{
    if (event->type() == QEvent::ThreadChange) {
        qCCritical(logService).noquote()
            << QStringLiteral(
                   "A %1 is moved to another thread, where nothing of it is true any more: create it there.")
                   .arg(QString::fromLatin1(owner->metaObject()->className()));
    }
    return false;
}

void StatusFeed::timerEvent(QTimerEvent *event)
{
    if (event->timerId() != m_timer.timerId())
        return;
    if (m_areToldUnread)
        m_timer.stop();
    else
        refresh();
}

void warnOfSource(const QObject *owner, const QObject *source, const char *wanted)
{
    qCWarning(logService).noquote() << QStringLiteral("%1: a %2 has nothing to show; give it %3")
                                           .arg(QString::fromLatin1(owner->metaObject()->className()),
                                                QString::fromLatin1(source->metaObject()->className()),
                                                QString::fromLatin1(wanted));
}

} // namespace MicroIO::Detail
