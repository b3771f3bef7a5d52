// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/changelisteners_p.h"
#include "status/updategate_p.h"

#include <QBasicTimer>
#include <QObject>

#include <functional>
#include <memory>
#include <utility>

namespace MicroIO::Detail {

/// When an object that shows services looks at them: when they have changed, and, for the figures that change without
/// telling so, once in a while as long as somebody reads them. On the object's thread.
///
/// Reading a figure starts a timer. A refresh that tells of new figures which nobody has read when the next one is due
/// stops it: the view is hidden or gone. The next read starts it again. Its time is real also under a test's clock,
/// where a timer for ever would keep the time moving.
class MICROIO_EXPORT StatusFeed final : public QObject
{
public:
    static constexpr int defaultInterval = 1000;

    StatusFeed(QObject *owner, std::function<void()> update);
    ~StatusFeed() override;

    /// An update for every change that \a listeners hear of.
    ChangeSubscription subscribe(std::shared_ptr<ChangeListeners> listeners) const;
    /// An update soon, which looks at the figures too.
    void refresh();
    /// An update soon.
    void mark() const { m_gate->mark(); }

    /// Calls \a function, unless one is under way, in a slot of which an event loop was opened: then an update follows that.
    /// For models, whose views must all have heard of one change before there is another. \a function may destroy
    /// this object.
    void alone(const std::function<void()> &function);

    /// True once for each refresh: the update that asks is to read the figures.
    bool takeFiguresDue() { return std::exchange(m_areFiguresDue, false); }
    /// The update is about to tell of new figures.
    void figuresTold() { m_areToldUnread = true; }
    /// Somebody has read one.
    void figureRead();

    int interval() const { return m_interval; }
    /// In milliseconds; 0 for none.
    void setInterval(int interval);
    bool isRefreshing() const { return m_timer.isActive(); }

    bool eventFilter(QObject *owner, QEvent *event) override;

protected:
    void timerEvent(QTimerEvent *event) override;

private:
    void startTimer();

    const std::shared_ptr<UpdateGate> m_gate;
    QBasicTimer m_timer;
    int m_interval = defaultInterval;
    bool m_areFiguresDue = false;
    bool m_areToldUnread = false;
    bool m_isAlone = false;
    bool m_isOverdue = false; // an update came meanwhile
};

/// \a source has been given to \a owner, which has no use for it.
void warnOfSource(const QObject *owner, const QObject *source, const char *wanted);

} // namespace MicroIO::Detail
