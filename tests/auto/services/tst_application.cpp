// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"
#include "../shared/outcome.h"

#include <MicroIO/Application>
#include <MicroIO/CancelScope>
#include <MicroIO/CloseScope>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/ServiceGroup>

#include <QEventLoop>
#include <QTimer>
#include <QtTest/QtTest>

#include <chrono>
#include <functional>
#include <thread>
#include <tuple>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

} // namespace

/// runApplication() and stopOnQuit(), seen from inside. Whole processes are in tst_quit.
class tst_Application : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void runApplicationGivesTheExitCode_data();
    void runApplicationGivesTheExitCode();
    void quittingTwiceIsQuittingOnce();
    void beingAboutToQuitTwiceNamesTheDeafOnce();
    void beingAboutToQuitInAnotherThreadNeedsNoQueuedCall();
    void aGroupThatGoesWhileAnotherOneStopsIsNotTouched();
    void anApplicationThatRunsAlreadyStopsNothing();
    void stopOnQuitBelongsToTheApplicationsThread();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_Application::runApplicationGivesTheExitCode_data()
{
    QTest::addColumn<int>("how");
    QTest::addColumn<int>("code");
    QTest::newRow("what the main coroutine returns") << 0 << 7;
    QTest::newRow("what it returns at once") << 1 << 8;
    QTest::newRow("it throws") << 2 << 1;
    QTest::newRow("somebody quits before") << 3 << 0;
    QTest::newRow("somebody exits before") << 4 << 9;
    QTest::newRow("there is none") << 5 << 3;
    QTest::newRow("it is deaf") << 6 << 4;
    QTest::newRow("it is the one that exits") << 7 << 6;
}

void tst_Application::runApplicationGivesTheExitCode()
{
    QFETCH(int, how);
    QFETCH(int, code);
    auto &app = *QCoreApplication::instance();
    LoopServiceThread service(text("served"));
    ServiceGroup group({&service});
    group.start().waitStarted();
    if (how >= 3 && how != 7) {
        QTimer::singleShot(10, &app, [how] {
            if (how == 3)
                QCoreApplication::quit();
            else
                QCoreApplication::exit(how == 4 ? 9 : how == 5 ? 3 : 4);
        });
    }
    const auto body = [how](CancelScope scope) -> QCoro::Task<int> {
        if (how == 1)
            co_return 8;
        if (how == 6)
            co_await CancelScope().sleep(1h);
        if (how == 7) {
            co_await scope.sleep(1ms);
            QCoreApplication::exit(6);
        }
        co_await scope.sleep(how >= 3 ? std::chrono::milliseconds(1h) : 10ms);
        if (how == 2)
            throw Tests::failure("X");
        co_return 7;
    };
    const int got = how == 5 ? runApplication(app, 200ms) : runApplication(app, 200ms, body);
    QCOMPARE(got, code);
    QCOMPARE(service.state(), ServiceThread::State::Stopped); // also one that is only borrowed
    const QStringList lines = m_log->take();
    if (how == 2)
        QCOMPARE(lines, QStringList{text("critical microio.task: The main coroutine has failed: X")});
    else if (how == 6)
        QCOMPARE(lines,
                 QStringList{
                     text("critical microio.task: The main coroutine has not ended within the time limit.")});
    else
        QCOMPARE(lines, QStringList());
}

void tst_Application::quittingTwiceIsQuittingOnce()
{
    auto &app = *QCoreApplication::instance();
    std::atomic<bool> cleanedUp = false;
    class Slow : public LoopServiceThread
    {
    public:
        explicit Slow(std::atomic<bool> &cleanedUp)
            : LoopServiceThread(QStringLiteral("slow"))
            , m_cleanedUp(cleanedUp)
        {
        }

    private:
        QCoro::Task<> runAsync(CancelScope scope) override
        {
            reportStarted();
            try {
                co_await scope.cancelled();
            } catch (const Cancelled &) {
            }
            co_await scope.shielded().sleep(50ms);
            QCoreApplication::quit(); // once more, while the application quits
            co_await scope.shielded().sleep(50ms);
            m_cleanedUp = true;
        }
        std::atomic<bool> &m_cleanedUp;
    };
    {
        ServiceGroup group;
        group.add(makeService<Slow>(cleanedUp));
        group.stopOnQuit(30s);
        group.stopOnQuit(30s); // the last limit counts
        group.start().waitStarted();
        QTimer::singleShot(0, &app, [] { QCoreApplication::exit(3); });
        QCOMPARE(QCoreApplication::exec(), 3);
        QVERIFY(cleanedUp);
        QCOMPARE(group.services().constFirst()->state(), ServiceThread::State::Stopped);
    }
}

// As newer Qt signals it when somebody calls exit() in a slot of the first one.
void tst_Application::beingAboutToQuitTwiceNamesTheDeafOnce()
{
    CloseScope ending;
    ServiceThread deaf(text("deaf"), [ending](ServiceThread &service) {
        service.reportStarted();
        std::ignore = ending.wait();
    });
    ServiceGroup group({&deaf});
    group.stopOnQuit(100ms);
    group.start().waitStarted();
    const auto isAboutToQuit = [&] {
        QMetaObject::invokeMethod(qApp, "aboutToQuit", Qt::DirectConnection);
        return m_log->take();
    };
    const auto inLoop = [](const std::function<void()> &quit) { // as exit() is called
        QEventLoop loop;
        QTimer::singleShot(0, &loop, [&] {
            quit();
            loop.quit();
        });
        loop.exec();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete); // as exec() does in the end
    };
    QTimer::singleShot(10, qApp, isAboutToQuit);
    QStringList first;
    QStringList meanwhile;
    inLoop([&] {
        first = isAboutToQuit();
        meanwhile = isAboutToQuit();
    });
    QStringList second;
    inLoop([&] { second = isAboutToQuit(); }); // an application may run again
    ending.close();
    QVERIFY(deaf.joinOrLog(30s));
    const QStringList expected{
        text("critical microio.service: Service deaf has not ended within the time limit; it runs on.")};
    QCOMPARE(first, expected);
    QCOMPARE(meanwhile, QStringList());
    QCOMPARE(second, expected);
}

// As newer Qt signals it when another thread calls exit(), and the event loop is left before it gets to queued calls.
void tst_Application::beingAboutToQuitInAnotherThreadNeedsNoQueuedCall()
{
    LoopServiceThread service(text("served"));
    ServiceGroup group({&service});
    group.stopOnQuit(30s);
    group.start().waitStarted();
    std::thread([] { QMetaObject::invokeMethod(qApp, "aboutToQuit", Qt::DirectConnection); }).join();
    QCOMPARE(service.state(), ServiceThread::State::Running);
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete); // all that exec() still does
    QCOMPARE(service.state(), ServiceThread::State::Stopped);
}

void tst_Application::aGroupThatGoesWhileAnotherOneStopsIsNotTouched()
{
    LoopServiceThread service(text("first"));
    ServiceGroup first({&service});
    auto second = std::make_unique<ServiceGroup>();
    second->add(makeService<LoopServiceThread>(text("second")));
    for (auto *group : {&first, second.get()}) {
        group->stopOnQuit(30s);
        group->start().waitStarted();
    }
    connect(&service, &ServiceThread::stateChanged, this, [&](ServiceThread::State state) {
        if (state == ServiceThread::State::Stopped)
            second.reset();
    });
    QMetaObject::invokeMethod(qApp, "aboutToQuit", Qt::DirectConnection);
    QCOMPARE(service.state(), ServiceThread::State::Stopped);
    QTRY_VERIFY(!second);
}

void tst_Application::anApplicationThatRunsAlreadyStopsNothing()
{
    LoopServiceThread service(text("served"));
    ServiceGroup group({&service});
    group.start().waitStarted();
    int code = 0;
    QEventLoop loop;
    QTimer::singleShot(0, &loop, [&] {
        code = runApplication(*QCoreApplication::instance(), 30s);
        loop.quit();
    });
    loop.exec();
    QCOMPARE(code, -1);
    QCOMPARE(service.state(), ServiceThread::State::Running);
    QCOMPARE(m_log->take(),
             QStringList{text("warning default: QCoreApplication::exec: The event loop is already running")});
}

void tst_Application::stopOnQuitBelongsToTheApplicationsThread()
{
    QString error;
    std::thread([&] {
        ServiceGroup group;
        error = Tests::thrownBy([&] { group.stopOnQuit(1s); });
    }).join();
    QCOMPARE(error, text("WrongThreadError"));
}

QTEST_GUILESS_MAIN(tst_Application)

#include "tst_application.moc"
