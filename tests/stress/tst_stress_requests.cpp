// SPDX-License-Identifier: Apache-2.0
#include "../auto/shared/looper.h"
#include "../auto/shared/messagelog.h"
#include "../auto/shared/outcome.h"

#include <MicroIO/AsyncSemaphore>
#include <MicroIO/RequestRegistry>
#include <MicroIO/Timeouts>

#include <QtTest/QtTest>

#include <random>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::Looper;

namespace {

using Registry = RequestRegistry<int, std::unique_ptr<int>>;
using Random = std::minstd_rand;

/// How long each test goes on. MICROIO_STRESS=long: more than half a minute.
std::chrono::milliseconds duration()
{
    static const bool isLong = qEnvironmentVariable("MICROIO_STRESS") == QStringLiteral("long");
    return isLong ? 32s : 1500ms;
}

/// A new one each time, printed; MICROIO_SEED gives it.
unsigned seed()
{
    bool isGiven = false;
    const int given = qEnvironmentVariableIntValue("MICROIO_SEED", &isGiven);
    const unsigned value = isGiven ? unsigned(given) : std::random_device()();
    qInfo("MICROIO_SEED=%d", int(value));
    return value;
}

/// A short time of work, mostly none.
void spin(Random &random)
{
    const unsigned most = random() % 8 ? 40 : 4000;
    for (std::atomic<unsigned> spins = 0; spins < random() % most;)
        ++spins;
}

/// What one request has come to.
struct Account
{
    std::atomic<int> accepted = 0; // answers that were told so
    std::atomic<int> received = 0; // values and errors that who asked has got
};

/// A batch of requests, asked in every way, and those who race for them.
class Batch
{
public:
    enum Way { Awaited, Limited, Blocking, Future, Ways };
    static constexpr int size = 400;

    Batch(Looper &loop, unsigned seed)
        : m_loop(loop)
        , m_seed(seed)
    {
    }

    void run()
    {
        m_loop.post([this] { askFromTheLoop(); });
        std::vector<std::thread> threads;
        threads.emplace_back([this] { askBlocking(); });
        threads.emplace_back([this] { askForFutures(); });
        threads.emplace_back([this] { cancel(); });
        threads.emplace_back([this] { answer(4); });
        threads.emplace_back([this] { answer(5); });
        for (auto &thread : threads)
            thread.join();
        for (int id = 0; id < size; ++id) {
            if (m_accounts[size_t(id)].accepted != m_accounts[size_t(id)].received) {
                qFatal("request %d (way %d): %d answers were accepted, %d received", id, id % Ways,
                       m_accounts[size_t(id)].accepted.load(), m_accounts[size_t(id)].received.load());
            }
            received += m_accounts[size_t(id)].received;
        }
        if (registry.size() != 0)
            qFatal("%lld requests are pending still", (long long)registry.size());
    }

    Registry registry;
    int received = 0;

private:
    struct Answer : std::exception
    {
    };

    void ended(int id, const std::unique_ptr<int> &value)
    {
        if (!value || *value != id)
            qFatal("request %d was given a wrong value", id);
        ++m_accounts[size_t(id)].received;
    }

    QCoro::Task<> ask(CancelScope scope, int id)
    {
        try {
            const auto value = co_await registry.request(scope, id, [] {});
            ended(id, value);
        } catch (const Answer &) {
            ++m_accounts[size_t(id)].received;
        } catch (const Cancelled &) {
        }
        ++m_ended;
    }

    QCoro::Task<> askWithin(CancelScope scope, int id, std::chrono::microseconds limit)
    {
        const auto body = [&](CancelScope own) -> QCoro::Task<std::unique_ptr<int>> {
            co_return co_await registry.request(own, id, [] {});
        };
        try {
            const auto value = co_await failAfter(scope, limit, body);
            ended(id, value);
        } catch (const Answer &) {
            ++m_accounts[size_t(id)].received;
        } catch (const TimeoutError &) {
        } catch (const Cancelled &) {
        }
        ++m_ended;
    }

    void askFromTheLoop()
    {
        Random random(m_seed + 1);
        for (int id = 0; id < size; ++id) {
            if (id % Ways == Awaited)
                ask(m_scopes[size_t(id)], id);
            else if (id % Ways == Limited)
                askWithin(m_scopes[size_t(id)], id, std::chrono::microseconds(random() % 2000));
            spin(random);
        }
    }

    void askBlocking()
    {
        Random random(m_seed + 2);
        for (int id = Blocking; id < size; id += Ways) {
            try {
                ended(id, registry.request(
                              id, [] {}, QDeadlineTimer(std::chrono::microseconds(random() % 100))));
            } catch (const Answer &) {
                ++m_accounts[size_t(id)].received;
            } catch (const TimeoutError &) {
            }
            ++m_ended;
        }
    }

    void askForFutures()
    {
        Random random(m_seed + 3);
        std::vector<std::pair<int, QFuture<std::unique_ptr<int>>>> futures;
        for (int id = Future; id < size; id += Ways) {
            futures.emplace_back(id, registry.expect(id).future());
            spin(random);
        }
        std::shuffle(futures.begin(), futures.end(), random);
        for (auto &[id, future] : futures) {
            if (random() % 2 && future.isFinished()) {
                ended(id, future.takeResult());
            } else {
                future.cancel();
                future.waitForFinished();
                // Qt lets nobody take the value of a cancelled future, but tells that it is there.
                m_accounts[size_t(id)].received += future.resultCount();
            }
            ++m_ended;
        }
    }

    void cancel()
    {
        Random random(m_seed + 4);
        while (m_ended < size) {
            m_scopes[random() % size].cancel();
            spin(random);
        }
    }

    void answer(unsigned number)
    {
        Random random(m_seed + number);
        while (m_ended < size) {
            const int id = int(random() % size);
            Account &account = m_accounts[size_t(id)];
            if (random() % 8 == 0 && id % Ways != Future) // Qt loses the error of a cancelled future
                account.accepted += registry.fail(id, std::make_exception_ptr(Answer()));
            else if (random() % 8 == 0)
                account.accepted += registry.handle(id).resolve(std::make_unique<int>(id));
            else
                account.accepted += registry.resolve(id, std::make_unique<int>(id));
        }
    }

    Looper &m_loop;
    const unsigned m_seed;
    std::atomic<int> m_ended = 0;
    std::vector<Account> m_accounts = std::vector<Account>(size);
    std::vector<CancelScope> m_scopes = std::vector<CancelScope>(size);
};

} // namespace

/// Requests and semaphores under fire, checked by accounting.
class tst_StressRequests : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void answersRaceWithTimeoutsAndCancels();
    void permitsAreNeverLostNorDoubled();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_StressRequests::answersRaceWithTimeoutsAndCancels()
{
    const unsigned first = seed();
    QDeadlineTimer end(duration());
    Looper loop;
    qint64 asked = 0;
    qint64 received = 0;
    for (unsigned round = 0; !end.hasExpired(); ++round) {
        Batch batch(loop, first + round * 10);
        batch.run();
        loop.call([] {}); // its coroutines have gone
        asked += Batch::size;
        received += batch.received;
        QCoreApplication::processEvents(); // the futures of a plain thread are watched here
    }
    qInfo("%lld requests, %lld answered in time", (long long)asked, (long long)received);
    QVERIFY(received > asked / 100);
    QVERIFY(received < asked);
}

void tst_StressRequests::permitsAreNeverLostNorDoubled()
{
    constexpr int permits = 3, perLoop = 20;
    const unsigned first = seed();
    QDeadlineTimer end(duration());
    AsyncSemaphore semaphore(permits);
    std::atomic<int> inside = 0;
    std::atomic<qint64> acquired = 0;
    std::atomic<qint64> cancelled = 0;
    const auto work = [&](CancelScope scope, std::atomic<int> &ended) -> QCoro::Task<> {
        try {
            for (;;) {
                const auto guard = co_await semaphore.acquire(scope);
                if (++inside > permits)
                    qFatal("more are inside than there are permits");
                ++acquired;
                if (acquired % 4 == 0)
                    QThread::yieldCurrentThread();
                --inside;
            }
        } catch (const Cancelled &) {
            ++cancelled;
        }
        ++ended;
    };
    for (unsigned round = 0; !end.hasExpired(); ++round) {
        std::atomic<int> ended = 0;
        std::vector<CancelScope> scopes(2 * perLoop);
        std::optional<Looper> loops[2];
        for (size_t side = 0; side < 2; ++side) {
            loops[side].emplace();
            loops[side]->call([&, side] {
                for (size_t i = 0; i < perLoop; ++i)
                    work(scopes[side * perLoop + i], ended);
            });
        }
        Random random(first + round);
        const auto taken = [&] {
            for (int i = 0; i < 50; ++i) {
                auto guard = semaphore.tryAcquire();
                spin(random);
            }
        };
        taken();
        std::shuffle(scopes.begin(), scopes.end(), random);
        for (const CancelScope &scope : scopes) {
            scope.cancel();
            spin(random);
            if (round % 4 == 3 && loops[1])
                loops[1].reset(); // its loop ends under those who wait
        }
        QTRY_COMPARE(ended.load(), 2 * perLoop);
        for (auto &loop : loops)
            loop.reset();
        QCOMPARE(inside.load(), 0);
        QCOMPARE(semaphore.available(), permits);
    }
    qInfo("%lld permits, %lld cancellations", (long long)acquired, (long long)cancelled);
    QVERIFY(acquired > 100);
}

QTEST_GUILESS_MAIN(tst_StressRequests)
#include "tst_stress_requests.moc"
