// SPDX-License-Identifier: Apache-2.0
#include "../auto/shared/errorchain.h"
#include "../auto/shared/messagelog.h"
#include "../auto/shared/outcome.h"
#include "../auto/shared/scriptedservice.h"

#include <MicroIO/CancelScope>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/ServiceThread>

#include <QFuture>
#include <QtTest/QtTest>

#include <barrier>
#include <thread>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::chainThrownBy;
using Tests::failure;
using Tests::makeScripted;
using Tests::ScriptedService;
using Tests::startScripted;
using State = ServiceThread::State;

namespace {

/// Two hundred, or 20,000 with MICROIO_STRESS=long.
int rounds(int count = 200)
{
    static const bool isLong = qEnvironmentVariable("MICROIO_STRESS") == QStringLiteral("long");
    return isLong ? count * 100 : count;
}

/// How \a call ends: 'v' with a value, 's' with ServiceError, 'c' cancelled, 'x' otherwise.
template<typename Call>
char endOf(Call &&call)
{
    try {
        call();
        return 'v';
    } catch (const ServiceError &) {
        return 's';
    } catch (...) {
        return 'x';
    }
}

/// A subclass with parts that its coroutine uses to the last moment.
class Parts : public LoopServiceThread
{
public:
    explicit Parts(QObject *parent = nullptr)
        : LoopServiceThread(QStringLiteral("parts"), parent)
        , m_words(3, std::string(100, 'x'))
    {
    }

protected:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        m_words.push_back(m_words.at(0));
        reportStarted();
        taskGroup().startSoon([this](CancelScope own) -> QCoro::Task<> {
            for (;;) {
                co_await own.checkpoint();
                m_words.back() = m_words.at(1);
            }
        });
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
            m_words.push_back(m_words.at(2));
        }
        co_await scope.shielded().checkpoint();
        m_words.pop_back();
    }

private:
    std::vector<std::string> m_words;
};

/// As the documentation has it for classes that are not created by makeService().
class Careful : public Parts
{
public:
    ~Careful() override { stopAndJoin(); }

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        m_more.push_back(1);
        auto parts = Parts::runAsync(scope);
        co_await parts;
        m_more.push_back(2);
    }

    std::vector<int> m_more;
};

} // namespace

/// Services that start, fail, stop and go in all orders, checked by accounting.
class tst_StressServices : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void startThenStopAtOnce();
    void startThenStopAtOnceWithoutALoop();
    void failWhileFourThreadsWaitForTheStart();
    void stopWhileEightThreadsSubmitAndCall();
    void deletedRightAfterStart_data();
    void deletedRightAfterStart();
    void statesAreTrueAtAllTimes();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_StressServices::startThenStopAtOnce()
{
    int wasReady = 0;
    for (int round = 0; round < rounds(); ++round) {
        const auto service = makeScripted();
        service->start();
        if (round % 3 == 1)
            QThread::yieldCurrentThread();
        else if (round % 3 == 2)
            service->waitStarted();
        QVERIFY(service->stop());
        QVERIFY(service->joinOrLog(QDeadlineTimer(60s)));
        QCOMPARE(service->state(), State::Stopped);
        wasReady += service->uptime() > 0ms;
    }
    qInfo("%d of %d were ready for a while", wasReady, rounds());
}

void tst_StressServices::startThenStopAtOnceWithoutALoop()
{
    std::atomic<int> ran = 0;
    for (int round = 0; round < rounds(); ++round) {
        ServiceThread service(QStringLiteral("plain"), [&](ServiceThread &self) {
            self.reportStarted();
            static_cast<void>(self.closeScope().wait());
            ++ran;
        });
        service.start();
        QVERIFY(service.stop());
        QVERIFY(service.joinOrLog(QDeadlineTimer(60s)));
        QCOMPARE(service.state(), State::Stopped);
    }
    QCOMPARE(ran.load(), rounds());
}

void tst_StressServices::failWhileFourThreadsWaitForTheStart()
{
    constexpr int waiters = 4;
    std::unique_ptr<ScriptedService> service;
    std::vector<QString> outcomes(waiters);
    std::barrier begin(waiters + 1);
    std::barrier done(waiters + 1);
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (QString &outcome : outcomes) {
        threads.emplace_back([&] {
            for (;;) {
                begin.arrive_and_wait();
                if (stop)
                    return;
                outcome = chainThrownBy([&] { service->waitStarted(); });
                done.arrive_and_wait();
            }
        });
    }
    int wrong = 0;
    for (int round = 0; round < rounds(); ++round) {
        service = makeScripted([round](ScriptedService &, CancelScope scope) -> QCoro::Task<> {
            if (round % 2)
                co_await scope.checkpoint();
            throw failure("X");
        });
        service->start();
        begin.arrive_and_wait();
        done.arrive_and_wait();
        for (const QString &outcome : outcomes)
            wrong += outcome != QStringLiteral("ServiceError < X");
        wrong += !service->joinOrLog(QDeadlineTimer(60s)) || service->state() != State::Failed;
        m_log->take(); // the line of each failure
    }
    stop = true;
    begin.arrive_and_wait();
    for (auto &thread : threads)
        thread.join();
    QCOMPARE(wrong, 0);
}

void tst_StressServices::stopWhileEightThreadsSubmitAndCall()
{
    constexpr int callers = 8;
    struct Share
    {
        std::vector<QFuture<int>> futures;
        int calls = 0; // callSync that gave a value
        int submissions = 0;
        int wrong = 0;
    };
    std::unique_ptr<ScriptedService> service;
    std::vector<Share> shares(callers);
    std::atomic<int> ran = 0;
    std::atomic<int> alive = 0;
    std::barrier begin(callers + 1);
    std::barrier done(callers + 1);
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (Share &share : shares) {
        threads.emplace_back([&] {
            for (;;) {
                begin.arrive_and_wait();
                if (stop)
                    return;
                for (bool isUp = true; isUp;) {
                    share.futures.push_back(service->submit(
                        [&ran, probe = Tests::Probe(alive)](CancelScope scope) -> QCoro::Task<int> {
                            co_await scope.checkpoint();
                            ++ran;
                            co_return 7;
                        }));
                    ++share.submissions;
                    if (share.submissions % 3 == 0)
                        share.futures.back().cancel();
                    const char end = endOf([&] { share.calls += service->callSync([] { return 1; }); });
                    share.wrong += end != 'v' && end != 's';
                    isUp = end == 'v';
                }
                done.arrive_and_wait();
            }
        });
    }
    int unfinished = 0, values = 0, cutOff = 0, cancelled = 0, wrong = 0;
    for (int round = 0; round < rounds(); ++round) {
        service = startScripted();
        begin.arrive_and_wait();
        if (round % 2)
            service->callSync([] {});
        service->stop();
        done.arrive_and_wait();
        wrong += !service->joinOrLog(QDeadlineTimer(60s)) || service->state() != State::Stopped;
        for (Share &share : shares) {
            for (auto &future : share.futures) {
                unfinished += !future.isFinished();
                const char end = endOf([&] { future.waitForFinished(); });
                if (end == 's')
                    ++cutOff;
                else if (end == 'v')
                    ++(future.isCanceled() ? cancelled : values);
                else
                    ++wrong;
            }
            share.futures.clear();
        }
        wrong += alive != 0;
    }
    stop = true;
    begin.arrive_and_wait();
    int calls = 0;
    for (auto &thread : threads)
        thread.join();
    for (const Share &share : shares) {
        calls += share.calls;
        wrong += share.wrong;
    }
    QCOMPARE(unfinished, 0);
    QCOMPARE(wrong, 0);
    qInfo("%d calls; %d values, %d cut off, %d cancelled", calls, values, cutOff, cancelled);
}

void tst_StressServices::deletedRightAfterStart_data()
{
    QTest::addColumn<int>("how");
    QTest::newRow("makeService") << 0;
    QTest::newRow("a QObject parent") << 1;
    QTest::newRow("a destructor of its own") << 2;
}

void tst_StressServices::deletedRightAfterStart()
{
    QFETCH(int, how);
    for (int round = 0; round < rounds(50); ++round) { // 5,000 in the long form
        if (how == 0) {
            const auto service = makeService<Parts>();
            service->start();
        } else if (how == 1) {
            QObject parent;
            auto *service = new Service<Parts>(&parent);
            service->start();
        } else {
            Careful service;
            service.start();
        }
    }
}

// SV-23's rule: what other threads read is a state that happened, and they never go back.
void tst_StressServices::statesAreTrueAtAllTimes()
{
    std::shared_ptr<ServiceThread> current;
    std::mutex mutex;
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            while (!stop) {
                std::shared_ptr<ServiceThread> service;
                {
                    const std::lock_guard lock(mutex);
                    service = current;
                }
                if (!service)
                    continue;
                auto last = State::Idle;
                while (last != State::Stopped && last != State::Failed && !stop) {
                    const auto state = service->state();
                    wrong += state < last;
                    wrong += (state == State::Failed) && service->errorString() != QStringLiteral("X");
                    last = state;
                }
            }
        });
    }
    for (int round = 0; round < rounds(100); ++round) {
        auto service = std::make_shared<ServiceThread>(QStringLiteral("crash"), [round](ServiceThread &self) {
            self.reportStarted();
            if (round % 2)
                throw failure("X");
            static_cast<void>(self.closeScope().wait());
        });
        {
            const std::lock_guard lock(mutex);
            current = service;
        }
        service->start();
        service->stop();
        QVERIFY(service->joinOrLog(QDeadlineTimer(60s)));
        m_log->take();
    }
    stop = true;
    for (auto &reader : readers)
        reader.join();
    QCOMPARE(wrong.load(), 0);
}

QTEST_GUILESS_MAIN(tst_StressServices)
#include "tst_stress_services.moc"
