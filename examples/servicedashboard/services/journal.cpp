// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include <QDeadlineTimer>
#include <QFile>

#include <stdexcept>

using namespace MicroIO;
using namespace std::chrono_literals;

/// The file begins anew when it is larger.
static constexpr qint64 maximumSize = 1'000'000;

Journal::Journal(const QString &fileName, const JournalLink &link, WorkCounter lines)
    : LoopServiceThread(QStringLiteral("journal"))
    , m_fileName(fileName)
    , m_lines(std::move(lines))
{
    auto channel = createChannel<QString>({.lateSend = LateSend::Drop});
    m_receive = std::move(channel.receive);
    watch(QStringLiteral("lines"), m_receive);
    link.connectTo(channel.send);
}

void Journal::freeze(const CloseScope &thaw, std::chrono::milliseconds limit)
{
    callSoon([thaw, limit] { std::ignore = thaw.wait(QDeadlineTimer(limit)); });
}

QCoro::Task<> Journal::runAsync(CancelScope scope)
{
    QFile file(m_fileName);
    if (!file.open(QIODevice::WriteOnly | QIODevice::Append))
        throw std::runtime_error("the journal cannot be opened: " + file.errorString().toStdString());
    m_receive.bind();
    reportStarted();
    for (;;) {
        const std::vector<QString> lines = co_await m_receive.nextBatch(scope);
        if (lines.empty())
            co_return; // nobody can send any more
        if (file.size() > maximumSize)
            file.resize(0);
        for (const QString &line : lines)
            file.write(line.toUtf8() + '\n');
        if (!file.flush())
            throw std::runtime_error("the journal cannot be written: " + file.errorString().toStdString());
        m_lines.add(qint64(lines.size()));
        co_await scope.sleep(250ms); // many lines at a time
    }
}
