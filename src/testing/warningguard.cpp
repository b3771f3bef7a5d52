// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/WarningGuard>

#include <QList>
#include <QRegularExpression>
#include <QTest>

#include <algorithm>
#include <mutex>
#include <utility>

namespace MicroIO {

namespace Detail {

class WarningGuardPrivate
{
public:
    WarningGuardPrivate *outer = nullptr;
    QtMessageHandler former = nullptr;
    QList<QRegularExpression> allowed; // guarded by handlerMutex()
    QStringList caught; // guarded by handlerMutex()
};

namespace {

std::mutex &handlerMutex()
{
    static auto *mutex = new std::mutex; // never destroyed: other threads may log late
    return *mutex;
}

WarningGuardPrivate *innermostGuard = nullptr; // guarded by handlerMutex()

void handle(QtMsgType type, const QMessageLogContext &context, const QString &text)
{
    QtMessageHandler former = nullptr;
    {
        const std::lock_guard lock(handlerMutex());
        if (auto *guard = innermostGuard) {
            former = guard->former;
            if (type == QtWarningMsg || type == QtCriticalMsg) {
                const QString line = QStringLiteral("%1: %2").arg(QString::fromLatin1(context.category),
                                                                  text);
                const bool isAllowed = std::any_of(
                    guard->allowed.cbegin(), guard->allowed.cend(),
                    [&](const auto &pattern) { return pattern.match(line).hasMatch(); });
                if (!isAllowed)
                    guard->caught += (type == QtWarningMsg ? QStringLiteral("warning ")
                                                           : QStringLiteral("critical "))
                                     + line;
            }
        }
    }
    if (former)
        former(type, context, text);
}

} // namespace
} // namespace Detail

WarningGuard::WarningGuard()
    : d(std::make_unique<Detail::WarningGuardPrivate>())
{
    const std::lock_guard lock(Detail::handlerMutex());
    d->outer = std::exchange(Detail::innermostGuard, d.get());
    const auto former = qInstallMessageHandler(Detail::handle);
    d->former = d->outer ? d->outer->former : former;
}

WarningGuard::~WarningGuard()
{
    {
        const std::lock_guard lock(Detail::handlerMutex());
        Detail::innermostGuard = d->outer;
        if (!d->outer)
            qInstallMessageHandler(d->former);
    }
    if (!d->caught.isEmpty()) {
        const QString message =
            QStringLiteral("not expected in the log: %1").arg(d->caught.join(QStringLiteral("\n")));
        QTest::qFail(qPrintable(message), nullptr, 0);
    }
}

void WarningGuard::allow(const QRegularExpression &pattern)
{
    const std::lock_guard lock(Detail::handlerMutex());
    d->allowed += pattern;
}

QStringList WarningGuard::take()
{
    const std::lock_guard lock(Detail::handlerMutex());
    return std::exchange(d->caught, {});
}

} // namespace MicroIO
