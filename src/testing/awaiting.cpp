// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/Awaiting>

#include "testing/testwait_p.h"
#include <MicroIO/Errors>

namespace MicroIO::Detail {

namespace {

/// True if \a error is a failure that has been told, also as one of several of a task group.
bool isToldFailure(const std::exception_ptr &error)
{
    try {
        std::rethrow_exception(error);
    } catch (const TestFailed &) {
        return true;
    } catch (const TaskGroupError &group) {
        for (const auto &each : group.exceptions()) {
            if (isToldFailure(each))
                return true;
        }
    } catch (...) {
    }
    return false;
}

} // namespace

void AwaitedEnd::reached()
{
    isReached = true;
    if (wait)
        wait->done();
}

bool waitForEnd(AwaitedEnd &end, const char *what, const char *file, int line)
{
    if (end.isReached)
        return true;
    TestWait wait(QString::fromUtf8(what));
    end.wait = &wait;
    const bool isDone = wait.exec();
    end.wait = nullptr;
    if (!isDone)
        QTest::qFail(qPrintable(wait.problem()), file, line);
    return isDone;
}

void tellError(const AwaitedEnd &end, const char *what, const char *expected, const char *file, int line)
{
    if (end.error && isToldFailure(end.error))
        return;
    const QString task = QString::fromUtf8(what);
    const QString outcome = end.error ? describe(end.error) : QStringLiteral("no error");
    const QString message = expected ? QStringLiteral("%1 has ended with %2, expected was %3")
                                           .arg(task, outcome, QString::fromUtf8(expected))
                                     : QStringLiteral("%1 has failed: %2").arg(task, outcome);
    QTest::qFail(qPrintable(message), file, line);
}

} // namespace MicroIO::Detail
