// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_test_export.h>

#include <QStringList>
#include <QtGlobal>

#include <memory>

class QRegularExpression;

namespace MicroIO {

namespace Detail {
class LeftoverGuardPrivate;
}

/// Fails the test in which it ends if there is a task of MicroIO then that was started meanwhile and has not ended, or a
/// coroutine suspended in any wait of MicroIO, in any thread; it names them. (What hangs in an await of something foreign,
/// outside of every task, is for LeakSanitizer to find.)
///
/// It waits until nothing moves before it looks. A local variable, declared before what it is to see gone, or a member that
/// init() makes and cleanup() resets. Created and destroyed on the test's thread.
class MICROIO_TEST_EXPORT LeftoverGuard
{
public:
    LeftoverGuard();
    ~LeftoverGuard();
    Q_DISABLE_COPY_MOVE(LeftoverGuard)

    /// What matches \a pattern, in a line as leftovers() gives it, may be left: a service that several tests share.
    void allow(const QRegularExpression &pattern);

    /// What there is now: "task 2", "task 2 waits for sleep (the main thread)".
    QStringList leftovers() const;

private:
    const std::unique_ptr<Detail::LeftoverGuardPrivate> d;
};

} // namespace MicroIO
