// SPDX-License-Identifier: Apache-2.0
#include "usage.h"

#include "../auto/shared/messagelog.h"
#include "../auto/shared/outcome.h"

#include "loop/scheduler_p.h"
#include <MicroIO/Errors>
#include <MicroIO/RequestRegistry>
#include <MicroIO/TaskGroup>
#include <MicroIO/Timeouts>

#include <QAbstractEventDispatcher>
#include <QtTest/QtTest>

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

constexpr int many = 100000;
constexpr int million = Tests::isSanitized ? 100000 : 1000000;

using Registry = RequestRegistry<int, int>;
using Pending = std::vector<PendingReply<int, int>>;
using Run = std::function<double(int)>; // what \a count requests cost, in seconds of the CPU

std::vector<int> shuffled(int count)
{
    std::vector<int> numbers(static_cast<size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), std::minstd_rand(1));
    return numbers;
}

double keysAtOnce(int count)
{
    const auto order = shuffled(count);
    const double start = Tests::cpuTime();
    Registry registry;
    Pending pending;
    pending.reserve(size_t(count));
    for (int key = 0; key < count; ++key)
        pending.push_back(registry.expect(key));
    for (const int key : order) {
        if (!registry.resolve(key, key))
            qFatal("%d was not pending", key);
    }
    for (auto &reply : pending) {
        if (reply.wait() != reply.key())
            qFatal("not the answer to %d", reply.key());
    }
    pending.clear();
    return Tests::cpuTime() - start;
}

double timeOuts(int count)
{
    const auto order = shuffled(count);
    double cost = 0;
    int begun = 0;
    int timedOut = 0;
    Registry registry;
    const auto ask = [&](CancelScope scope, int key) -> QCoro::Task<> {
        ++begun; // on a slow machine, the limit of one may have passed before it gets as far as to ask
        const auto body = [&](CancelScope own) -> QCoro::Task<int> {
            co_return co_await registry.request(own, key, [] {});
        };
        // all different; on a slow machine the first are over before the last have begun
        const auto limit = 1s + std::chrono::microseconds(order[size_t(key)] / 100);
        try {
            co_await failAfter(scope, limit, body);
        } catch (const TimeoutError &) {
            ++timedOut;
        }
    };
    const auto runAll = [&](TaskGroup &group) -> QCoro::Task<> {
        const double start = Tests::cpuTime();
        for (int key = 0; key < count; ++key)
            group.startSoon(ask, key);
        while (begun < count)
            co_await group.scope().checkpoint();
        if (QAbstractEventDispatcher::instance()->registeredTimers(Detail::Scheduler::current()).size() > 1)
            qFatal("more than one timer");
        co_await group.join(group.scope());
        cost = Tests::cpuTime() - start;
    };
    Tests::await(withTaskGroup(CancelScope(), runAll), 10min);
    if (timedOut != count || registry.size() != 0)
        qFatal("%d of %d have timed out, %lld are pending", timedOut, count, (long long)registry.size());
    return cost;
}

} // namespace

/// Many requests at once: what they cost each grows no faster than the logarithm of their number, and nothing is left.
class tst_ScaleRequests : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void aMillionPendingKeys();
    void costOfARequest_data();
    void costOfARequest();
    void oneByOneNothingIsLeft();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_ScaleRequests::aMillionPendingKeys()
{
    Registry registry;
    Pending pending;
    for (int key = 0; key < million; ++key)
        pending.push_back(registry.expect(key));
    QCOMPARE(registry.size(), million);
    QCOMPARE(registry.pending().size(), million);
    QVERIFY_THROWS_EXCEPTION(DuplicateRequestError, const auto twice = registry.expect(million / 2));
    for (int key = 0; key < million; key += 2)
        QVERIFY(registry.resolve(key, key));
    QCOMPARE(registry.size(), million / 2);
    QCOMPARE(registry.failAll(std::make_exception_ptr(Tests::failure("X"))), million / 2);
    QCOMPARE(registry.size(), 0);
    int answered = 0;
    int failed = 0;
    for (int key = 0; key < million; ++key) {
        // a throw for each of them would only test the machine's patience
        if (key % 2 == 0)
            answered += pending[size_t(key)].wait() == key;
        else if (key % 1000 == 1)
            failed += Tests::thrownBy([&] { pending[size_t(key)].wait(); }) == QStringLiteral("X");
    }
    QCOMPARE(answered, million / 2);
    QCOMPARE(failed, million / 1000);
}

void tst_ScaleRequests::costOfARequest_data()
{
    QTest::addColumn<Run>("run");
    QTest::addColumn<int>("most");
    QTest::addColumn<double>("limit");
    QTest::newRow("pending at once") << Run(keysAtOnce) << million << 12.; // beyond the caches
    QTest::newRow("time-outs") << Run(timeOuts) << many << 4.;
}

void tst_ScaleRequests::costOfARequest()
{
    QFETCH(Run, run);
    QFETCH(int, most);
    QFETCH(double, limit);
    if (Tests::isSanitized)
        QSKIP("a sanitizer's own costs are not flat");
    QStringList figures;
    std::vector<double> costs;
    for (int count = 1000; count <= most; count *= 10) {
        double best = 1e9;
        for (int i = 0; i < 3; ++i)
            best = qMin(best, run(count) / count);
        costs.push_back(best);
        figures += QStringLiteral("%1: %2 ns").arg(count).arg(best * 1e9, 0, 'f', 0);
    }
    qInfo("%s: %s", QTest::currentDataTag(), qPrintable(figures.join(QStringLiteral(", "))));
    QVERIFY2(costs.back() < costs.front() * limit, qPrintable(figures.join(QStringLiteral(", "))));
}

void tst_ScaleRequests::oneByOneNothingIsLeft()
{
    Registry registry;
    qint64 before = 0;
    const auto ask = [&]() -> QCoro::Task<> {
        for (int key = 0; key < million; ++key) {
            if (key == 1000)
                before = Tests::allocatedBytes(); // warmed up
            co_await registry.request(CancelScope(), key,
                                      [&](const ReplyHandle<int, int> &handle) { handle.resolve(1); });
        }
    };
    Tests::await(ask(), 10min);
    const qint64 left = Tests::allocatedBytes() - before;
    QVERIFY2(left < 64 * 1024, qPrintable(QString::number(left)));
}

QTEST_GUILESS_MAIN(tst_ScaleRequests)

#include "tst_scalerequests.moc"
