// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/EventLog>

#include <MicroIO/Clock>

#include <QList>
#include <QTest>

#include <algorithm>
#include <chrono>
#include <mutex>

namespace MicroIO {

namespace Detail {

class EventLogPrivate
{
public:
    struct Entry
    {
        Deadline time;
        QString text;
    };

    mutable std::mutex mutex;
    const Deadline begin = now();
    QList<Entry> entries; // guarded by mutex
};

bool compareLog(const QStringList &actual, const QStringList &expected, const char *what, const char *file,
                int line)
{
    if (actual == expected)
        return QTest::qVerify(true, what, "", file, line);
    const auto differ = std::mismatch(actual.cbegin(), actual.cend(), expected.cbegin(), expected.cend());
    const auto first = std::distance(actual.cbegin(), differ.first);
    const auto rest = [first](const QStringList &lines) {
        return first < lines.size() ? lines.mid(first).join(QStringLiteral("\n    "))
                                    : QStringLiteral("(nothing more)");
    };
    const QString message =
        QStringLiteral("%1 is not as expected, from line %2 on:\n  actual:\n    %3\n  expected:\n    %4")
            .arg(QString::fromUtf8(what))
            .arg(first + 1)
            .arg(rest(actual), rest(expected));
    QTest::qFail(qPrintable(message), file, line);
    return false;
}

} // namespace Detail

EventLog::EventLog()
    : d(std::make_shared<Detail::EventLogPrivate>())
{
}

void EventLog::add(const QString &who, const QString &what) const
{
    add(QStringLiteral("%1 %2").arg(who, what));
}

void EventLog::add(const QString &what) const
{
    const std::lock_guard lock(d->mutex);
    d->entries.append({now(), what});
}

QStringList EventLog::entries() const
{
    const std::lock_guard lock(d->mutex);
    QStringList lines;
    for (const auto &entry : std::as_const(d->entries))
        lines += entry.text;
    return lines;
}

QStringList EventLog::timedEntries() const
{
    using std::chrono::milliseconds;
    const std::lock_guard lock(d->mutex);
    QStringList lines;
    for (const auto &entry : std::as_const(d->entries)) {
        const auto time = std::chrono::duration_cast<milliseconds>(entry.time - d->begin);
        lines += QStringLiteral("%1 %2").arg(time.count()).arg(entry.text);
    }
    return lines;
}

qsizetype EventLog::size() const
{
    const std::lock_guard lock(d->mutex);
    return d->entries.size();
}

void EventLog::clear() const
{
    const std::lock_guard lock(d->mutex);
    d->entries.clear();
}

} // namespace MicroIO
