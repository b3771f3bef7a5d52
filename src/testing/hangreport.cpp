// SPDX-License-Identifier: Apache-2.0
#include "testing/hangreport_p.h"

#include "loop/blocking_p.h"
#include "loop/presence_p.h"
#include "loop/scheduler_p.h"

#include <QMap>
#include <QStringList>
#include <QThread>

namespace MicroIO::Detail {

using namespace std::chrono_literals;

std::vector<WaitDescription> suspendedWaits(QStringList *silent)
{
    const auto survey = std::make_shared<Survey>(Survey::Asks::Waits);
    survey->ask();
    if (!survey->waitForAnswers(2s) && silent)
        *silent += survey->silent();
    std::vector<WaitDescription> waits;
    if (const auto *scheduler = Scheduler::currentOrNull())
        waits = Survey::look(*scheduler, Survey::Asks::Waits).waits;
    for (auto &answer : survey->answers())
        waits.insert(waits.end(), answer.waits.cbegin(), answer.waits.cend());
    return waits;
}

QString describe(const WaitDescription &wait)
{
    return QStringLiteral("%1 waits for %2 (%3)").arg(wait.task, wait.waitsFor, wait.thread);
}

QString whoWaitsForWhat()
{
    constexpr int most = 40;
    QStringList silent;
    QMap<QString, int> lines;
    for (const auto &wait : suspendedWaits(&silent))
        ++lines[describe(wait)];
    BlockedThread::forEach([&lines](BlockedThread &blocked) {
        ++lines[QStringLiteral("%1 is blocked in %2")
                    .arg(blocked.thread()->objectName().isEmpty() ? QStringLiteral("a thread")
                                                                  : blocked.thread()->objectName(),
                         blocked.what())];
    });
    for (const QString &name : std::as_const(silent))
        ++lines[QStringLiteral("%1 does something else than turn its event loop").arg(name)];
    for (const QString &name : Presence::running([](QThread *) { return true; }))
        ++lines[QStringLiteral("%1 runs").arg(name)];
    if (lines.isEmpty())
        return QStringLiteral("No coroutine waits for anything of MicroIO, and no thread is blocked in it.");
    QStringList text;
    for (auto line = lines.cbegin(); line != lines.cend() && text.size() < most; ++line)
        text += line.value() == 1 ? line.key()
                                  : QStringLiteral("%1 times: %2").arg(line.value()).arg(line.key());
    if (lines.size() > most)
        text += QStringLiteral("and %1 others").arg(lines.size() - most);
    return QStringLiteral("Who waits for what:\n  ") + text.join(QStringLiteral("\n  "));
}

} // namespace MicroIO::Detail
