// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_test_export.h>

#include <QStringList>
#include <QtGlobal>

#include <memory>

class QRegularExpression;

namespace MicroIO {

namespace Detail {
class WarningGuardPrivate;
}

/// Fails the test in which it ends if anything was logged meanwhile, by any thread, that is a warning or worse and was not
/// expected. What it catches is still printed.
///
/// A local variable of a test, or a member that init() makes and cleanup() resets. They nest; the inner one catches.
/// (QTest::failOnWarning() knows no critical messages, and no patterns that are allowed and need not come.)
class MICROIO_TEST_EXPORT WarningGuard
{
public:
    WarningGuard();
    ~WarningGuard();
    Q_DISABLE_COPY_MOVE(WarningGuard)

    /// From now on, messages that match \a pattern somewhere in "category: text" are allowed. Any thread.
    void allow(const QRegularExpression &pattern);

    /// Takes out what was caught so far, as "warning category: text": what a test has looked at does not fail it.
    QStringList take();

private:
    const std::unique_ptr<Detail::WarningGuardPrivate> d;
};

} // namespace MicroIO
