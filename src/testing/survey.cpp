// SPDX-License-Identifier: Apache-2.0
#include "testing/survey_p.h"

#include "loop/blocking_p.h"
#include "loop/inbox_p.h"
#include "loop/loopprobe_p.h"
#include "loop/scheduler_p.h"
#include <MicroIO/scopes/scopedwait.h>

#include <QCoreApplication>
#include <QThread>

#include <algorithm>

namespace MicroIO::Detail {

namespace {

QString nameOf(QThread *thread)
{
    if (qApp && thread == qApp->thread()) // newer versions of Qt give it a name of their own
        return QStringLiteral("the main thread");
    if (!thread->objectName().isEmpty())
        return thread->objectName();
    return QStringLiteral("a %1").arg(QLatin1String(thread->metaObject()->className()));
}

} // namespace

/// It passes the loop twice: what was posted to the thread while the first pass was on its way comes before the second.
class Survey::Probe final : public LoopProbe
{
public:
    Probe(std::shared_ptr<Survey> survey, size_t index, bool isSecond)
        : m_survey(std::move(survey))
        , m_index(index)
        , m_isSecond(isSecond)
    {
    }
    ~Probe() override
    {
        if (m_survey)
            m_survey->gone(m_index);
    }

    void arrived(Scheduler &scheduler) override
    {
        const auto survey = std::exchange(m_survey, nullptr);
        const bool isAtRest = scheduler.isAtRest();
        if (isAtRest && m_isSecond)
            survey->answer(m_index, look(scheduler, survey->m_asks));
        else if (!scheduler.inbox()->ask(std::make_unique<Probe>(survey, m_index, isAtRest)))
            survey->gone(m_index);
    }

private:
    std::shared_ptr<Survey> m_survey;
    const size_t m_index;
    const bool m_isSecond;
};

void Survey::ask()
{
    const auto inboxes = Inbox::all();
    {
        const std::lock_guard lock(m_mutex);
        for (const auto &inbox : inboxes) {
            if (inbox->isHere())
                continue;
            m_answers.push_back({});
            m_answers.back().inbox = inbox;
        }
        m_isMissing.assign(m_answers.size(), true);
        m_missing = int(m_answers.size());
    }
    for (size_t i = 0; i < m_answers.size(); ++i) {
        const auto &inbox = m_answers[i].inbox;
        // Where there is no loop any more, or not yet, the probe tells so, going.
        inbox->ask(std::make_unique<Probe>(shared_from_this(), i, false));
    }
}

void Survey::whenComplete(std::function<void()> completed)
{
    {
        const std::lock_guard lock(m_mutex);
        if (m_missing > 0) {
            m_completed = std::move(completed);
            return;
        }
    }
    completed();
}

void Survey::answer(size_t index, Answer answer)
{
    std::unique_lock lock(m_mutex);
    if (!m_isMissing[index])
        return;
    answer.inbox = m_answers[index].inbox;
    answer.isThere = true;
    m_answers[index] = std::move(answer);
    m_isMissing[index] = false;
    countDownLocked(lock);
}

void Survey::gone(size_t index)
{
    std::unique_lock lock(m_mutex);
    if (!m_isMissing[index])
        return;
    m_isMissing[index] = false;
    countDownLocked(lock);
}

void Survey::countDownLocked(std::unique_lock<std::mutex> &lock)
{
    if (--m_missing > 0)
        return;
    m_changed.notify_all();
    const auto completed = std::exchange(m_completed, nullptr);
    lock.unlock();
    if (completed)
        completed();
}

bool Survey::areAllMissingBlocked() const
{
    std::vector<QThread *> blocked;
    BlockedThread::forEach([&blocked](BlockedThread &each) {
        if (each.isBlocked())
            blocked.push_back(each.thread());
    });
    const std::lock_guard lock(m_mutex);
    for (size_t i = 0; i < m_answers.size(); ++i) {
        if (m_isMissing[i]
            && std::find(blocked.cbegin(), blocked.cend(), m_answers[i].inbox->thread()) == blocked.cend())
            return false;
    }
    return true;
}

bool Survey::waitForAnswers(std::chrono::milliseconds limit)
{
    {
        const std::lock_guard lock(m_mutex);
        if (m_missing == 0)
            return true;
    }
    if (areAllMissingBlocked())
        return true;
    {
        std::unique_lock lock(m_mutex);
        if (m_changed.wait_for(lock, limit, [this] { return m_missing == 0; }))
            return true;
    }
    return areAllMissingBlocked();
}

std::vector<Survey::Answer> Survey::answers() const
{
    const std::lock_guard lock(m_mutex);
    return m_answers;
}

QStringList Survey::silent() const
{
    QStringList names;
    const std::lock_guard lock(m_mutex);
    for (size_t i = 0; i < m_answers.size(); ++i) {
        if (m_isMissing[i])
            names += nameOf(m_answers[i].inbox->thread());
    }
    return names;
}

Survey::Answer Survey::look(const Scheduler &scheduler, Asks asks)
{
    Answer answer;
    answer.earliest = scheduler.earliestTimer();
    if (asks == Asks::Rest)
        return answer;
    scheduler.forEachSuspended([&](const Suspension &suspension) {
        const auto &wait = static_cast<const ScopedWait &>(suspension); // there are no others
        answer.waits.push_back({wait.scope().taskName(), QString::fromLatin1(wait.waitsFor()),
                                nameOf(QThread::currentThread()), wait.isForeign()});
    });
    return answer;
}

} // namespace MicroIO::Detail
