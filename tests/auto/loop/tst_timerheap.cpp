// SPDX-License-Identifier: Apache-2.0
#include "loop/timerheap_p.h"

#include <QtTest/QtTest>

#include <map>
#include <random>

using MicroIO::Deadline;
using MicroIO::Detail::TimerEntry;
using MicroIO::Detail::TimerHeap;

namespace {

Deadline at(int tick)
{
    return Deadline(Deadline::duration(tick));
}

class Entry final : public TimerEntry
{
public:
    explicit Entry(int number, QList<int> &log)
        : m_number(number)
        , m_log(log)
    {
    }
    ~Entry() = default;

private:
    void expired() override { m_log += m_number; }
    void loopEnded() override { m_log += -m_number; }

    const int m_number;
    QList<int> &m_log;
};

} // namespace

class tst_TimerHeap : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void expiresInOrderAndNoneEarly();
    void movesToAnotherMoment_data();
    void movesToAnotherMoment();
    void maximumTakesOut();
    void removedDoesNotExpire();
    void removingTwiceIsHarmless();
    void entryIsOutOfTheHeapWhenItExpires();
    void endOfTheLoopTakesAllOut();
    void behavesAsAMultimap();
};

void tst_TimerHeap::expiresInOrderAndNoneEarly()
{
    QList<int> log;
    TimerHeap heap;
    Entry third(3, log), first(1, log), second(2, log);
    heap.set(&third, at(30));
    heap.set(&first, at(10));
    heap.set(&second, at(20));
    QCOMPARE(heap.size(), 3);
    QCOMPARE(heap.earliest(), at(10));

    QVERIFY(!heap.expireOne(at(9)));
    QVERIFY(heap.expireOne(at(10)));
    QVERIFY(!heap.expireOne(at(19)));
    QVERIFY(heap.expireOne(at(100)));
    QVERIFY(heap.expireOne(at(100)));
    QVERIFY(!heap.expireOne(at(100)));
    QCOMPARE(log, (QList<int>{1, 2, 3}));
    QCOMPARE(heap.earliest(), Deadline::max());
}

void tst_TimerHeap::movesToAnotherMoment_data()
{
    QTest::addColumn<int>("moment");
    QTest::addColumn<QList<int>>("order");
    QTest::newRow("to the front") << 5 << QList<int>{2, 1, 3};
    QTest::newRow("stays") << 20 << QList<int>{1, 2, 3};
    QTest::newRow("to the back") << 50 << QList<int>{1, 3, 2};
}

void tst_TimerHeap::movesToAnotherMoment()
{
    QFETCH(int, moment);
    QFETCH(QList<int>, order);

    QList<int> log;
    TimerHeap heap;
    Entry first(1, log), second(2, log), third(3, log);
    heap.set(&first, at(10));
    heap.set(&second, at(20));
    heap.set(&third, at(30));
    heap.set(&second, at(moment));
    QCOMPARE(heap.size(), 3);
    while (heap.expireOne(at(100))) {}
    QCOMPARE(log, order);
}

void tst_TimerHeap::maximumTakesOut()
{
    QList<int> log;
    TimerHeap heap;
    Entry entry(1, log);
    heap.set(&entry, Deadline::max());
    QVERIFY(heap.isEmpty());
    heap.set(&entry, at(10));
    QVERIFY(entry.isArmed());
    heap.set(&entry, Deadline::max());
    QVERIFY(heap.isEmpty());
    QVERIFY(!entry.isArmed());
}

void tst_TimerHeap::removedDoesNotExpire()
{
    QList<int> log;
    TimerHeap heap;
    Entry first(1, log), second(2, log);
    heap.set(&first, at(10));
    heap.set(&second, at(20));
    heap.remove(&first);
    while (heap.expireOne(at(100))) {}
    QCOMPARE(log, QList<int>{2});
}

void tst_TimerHeap::removingTwiceIsHarmless()
{
    QList<int> log;
    TimerHeap heap;
    Entry first(1, log), second(2, log);
    heap.remove(&first);
    heap.set(&first, at(10));
    heap.set(&second, at(20));
    heap.remove(&second);
    heap.remove(&second);
    QCOMPARE(heap.size(), 1);
    QVERIFY(first.isArmed());
}

void tst_TimerHeap::entryIsOutOfTheHeapWhenItExpires()
{
    class Repeating final : public TimerEntry
    {
    public:
        explicit Repeating(TimerHeap &heap)
            : m_heap(heap)
        {
        }
        int count = 0;

    private:
        void expired() override
        {
            if (!isArmed() && ++count < 3)
                m_heap.set(this, at(count));
        }
        TimerHeap &m_heap;
    };

    TimerHeap heap;
    Repeating entry(heap);
    heap.set(&entry, at(0));
    while (heap.expireOne(at(100))) {}
    QCOMPARE(entry.count, 3);
}

void tst_TimerHeap::endOfTheLoopTakesAllOut()
{
    QList<int> log;
    TimerHeap heap;
    Entry first(1, log), second(2, log);
    heap.set(&first, at(10));
    heap.set(&second, at(20));
    heap.endLoop();
    std::sort(log.begin(), log.end());
    QCOMPARE(log, (QList<int>{-2, -1}));
    QVERIFY(heap.isEmpty());
    QVERIFY(!first.isArmed());
    QVERIFY(!second.isArmed());
}

void tst_TimerHeap::behavesAsAMultimap()
{
    constexpr int count = 500;
    std::mt19937 random(12345);
    const auto upTo = [&random](int limit) { return int(random() % unsigned(limit)); };

    QList<int> log;
    TimerHeap heap;
    std::vector<std::unique_ptr<Entry>> entries;
    for (int i = 0; i < count; ++i)
        entries.push_back(std::make_unique<Entry>(i + 1, log));
    std::multimap<int, int> model;
    const auto erase = [&model](int index) {
        std::erase_if(model, [index](const auto &pair) { return pair.second == index; });
    };

    int time = 0;
    for (int step = 0; step < 20'000; ++step) {
        const int index = upTo(count);
        auto *entry = entries[size_t(index)].get();
        switch (upTo(5)) {
        case 0:
            heap.remove(entry);
            erase(index);
            break;
        case 1: {
            time += upTo(20);
            log.clear();
            while (heap.expireOne(at(time))) {}
            QList<int> due;
            while (!model.empty() && model.begin()->first <= time) {
                due += model.begin()->second + 1;
                model.erase(model.begin());
            }
            // those of the same moment come in any order
            QCOMPARE(QSet<int>(log.cbegin(), log.cend()), QSet<int>(due.cbegin(), due.cend()));
            QCOMPARE(log.size(), due.size());
            break;
        }
        default: {
            const int moment = time + upTo(200);
            heap.set(entry, at(moment));
            erase(index);
            model.emplace(moment, index);
        }
        }
        QCOMPARE(heap.size(), qsizetype(model.size()));
        QCOMPARE(heap.earliest(), model.empty() ? Deadline::max() : at(model.begin()->first));
    }
}

QTEST_APPLESS_MAIN(tst_TimerHeap)
#include "tst_timerheap.moc"
