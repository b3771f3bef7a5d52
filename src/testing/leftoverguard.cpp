// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/LeftoverGuard>

#include "testing/census_p.h"
#include "testing/hangreport_p.h"
#include <MicroIO/Waiters>

#include <QList>
#include <QRegularExpression>
#include <QTest>

#include <algorithm>

namespace MicroIO {

namespace Detail {

class LeftoverGuardPrivate
{
public:
    quint64 begin = 0;
    QList<QRegularExpression> allowed;
};

} // namespace Detail

using Detail::Census;

LeftoverGuard::LeftoverGuard()
    : d(std::make_unique<Detail::LeftoverGuardPrivate>())
{
    Census::instance().begin();
    d->begin = Census::instance().moment();
}

LeftoverGuard::~LeftoverGuard()
{
    const bool isIdle = waitUntilIdle();
    QStringList left = leftovers();
    left.removeIf([this](const QString &line) {
        return std::any_of(d->allowed.cbegin(), d->allowed.cend(),
                           [&line](const auto &pattern) { return pattern.match(line).hasMatch(); });
    });
    Census::instance().end();
    if (!isIdle)
        left.prepend(QStringLiteral("something that does not come to rest"));
    if (!left.isEmpty()) {
        const QString message =
            QStringLiteral("left behind by the test: %1").arg(left.join(QStringLiteral("; ")));
        QTest::qFail(qPrintable(message), nullptr, 0);
    }
}

void LeftoverGuard::allow(const QRegularExpression &pattern)
{
    d->allowed += pattern;
}

QStringList LeftoverGuard::leftovers() const
{
    QStringList lines;
    QStringList waiting;
    for (const auto &wait : Detail::suspendedWaits()) {
        lines += Detail::describe(wait);
        waiting += wait.task;
    }
    for (const QString &task : Census::instance().livingSince(d->begin)) {
        if (!waiting.removeOne(task)) // it waits for nothing of ours
            lines += task;
    }
    return lines;
}

} // namespace MicroIO
