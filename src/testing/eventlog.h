// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_test_export.h>

#include <QString>
#include <QStringList>

#include <memory>

namespace MicroIO {

namespace Detail {
class EventLogPrivate;
}

/// What happened, in order: a test of concurrent behaviour compares the whole log with the expected one, a data row a scenario.
///
/// A copyable, thread-safe value; copies are handles to the same log, so that coroutines and services may hold one.
class MICROIO_TEST_EXPORT EventLog
{
public:
    EventLog();

    /// Appends the line "who what", or "what" alone. Any thread.
    void add(const QString &who, const QString &what) const;
    void add(const QString &what) const;

    /// The lines so far. Any thread.
    QStringList entries() const;
    /// The same with the time of the scheduler's clock since the log was made, in milliseconds: "1500 who what".
    QStringList timedEntries() const;
    qsizetype size() const;
    void clear() const;

private:
    std::shared_ptr<Detail::EventLogPrivate> d;
};

namespace Detail {
/// For MICROIO_COMPARE_LOG.
MICROIO_TEST_EXPORT bool compareLog(const QStringList &actual, const QStringList &expected, const char *what,
                                    const char *file, int line);
} // namespace Detail

} // namespace MicroIO

/// Fails the test unless \a log is as expected, line by line; both are then told from the first difference on.
/// MICROIO_COMPARE_LOG(log, (QStringList{…})), or a variable.
#define MICROIO_COMPARE_LOG(log, ...) \
    do { \
        if (!MicroIO::Detail::compareLog((log).entries(), __VA_ARGS__, #log, __FILE__, __LINE__)) \
            return; \
    } while (false)
