// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/Channel>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/RunInThread>
#include <MicroIO/Service>
#include <MicroIO/TaskGroup>
#include <MicroIO/Test>

#include <QCloseEvent>
#include <QCoroSignal>
#include <QCoroTask>
#include <QCoroTimer>
#include <QFutureWatcher>
#include <QPointer>
#include <QPromise>
#include <QThread>
#include <QWidget>
#include <QtConcurrentRun>
#include <QtTest/QtTest>

#include <atomic>
#include <chrono>
#include <memory>

using namespace MicroIO;
using namespace std::chrono_literals;

// The chapters of README.md that lead here from elsewhere: what was written before, what is written now, and that both do
// the same.

namespace {

class View : public QObject
{
public:
    void show(int value) { shown += value; }
    void showEnd() { hasEnded = true; }

    QList<int> shown;
    bool hasEnded = false;
};

class ListView : public QObject
{
public:
    void show(const QStringList &lines) { shown = lines; }

    QStringList shown;
};

QStringList lines()
{
    return {QStringLiteral("one"), QStringLiteral("two"), QStringLiteral("twenty")};
}

} // namespace

namespace FromThreads::Before {

class Worker : public QObject
{
    Q_OBJECT

public:
    std::atomic<bool> isAborted = false;

    void work(int count)
    {
        for (int i = 1; i <= count; ++i) {
            if (isAborted)
                return;
            Q_EMIT square(i * i);
        }
        Q_EMIT done();
    }

Q_SIGNALS:
    void square(int value);
    void done();
    void failed(const QString &error);
};

class Window : public View
{
public:
    Window()
    {
        m_worker->moveToThread(&m_thread);
        connect(m_worker, &Worker::square, this, &Window::show);
        connect(m_worker, &Worker::done, this, &Window::showEnd);
        connect(&m_thread, &QThread::finished, m_worker, &QObject::deleteLater);
        m_thread.start();
    }
    ~Window() override
    {
        m_worker->isAborted = true;
        m_thread.quit();
        m_thread.wait();
    }

    void start()
    {
        const auto work = [w = m_worker] { w->work(1000); };
        QMetaObject::invokeMethod(m_worker, work);
    }

private:
    QThread m_thread;
    Worker *m_worker = new Worker;
};

} // namespace FromThreads::Before

namespace FromThreads::After {

QCoro::Task<> work(CancelScope scope, SendChannel<int> squares, int count)
{
    for (int i = 1; i <= count; ++i)
        co_await squares.send(scope, i * i);
}

class Window : public View
{
public:
    Window() { m_worker.start(); }

    void start() { m_tasks.startSoon(&Window::follow, this); }

private:
    QCoro::Task<> follow(CancelScope scope)
    {
        co_await m_worker.waitStarted(scope);
        auto [send, receive] = createChannel<int>({.capacity = 10});
        auto job = [send = std::move(send)](CancelScope own) mutable {
            return work(own, std::move(send), 1000);
        };
        auto done = m_worker.submit(std::move(job));
        while (auto square = co_await receive.next(scope))
            show(*square);
        co_await scope.cancellable(done); // or throws its error
        showEnd();
    }

    Service<LoopServiceThread> m_worker{QStringLiteral("worker")};
    TaskGroup m_tasks{this}; // the last member
};

} // namespace FromThreads::After

namespace FromConcurrent::Before {

class Window : public ListView
{
public:
    Window()
    {
        connect(&m_search, &QFutureWatcherBase::finished, this, [this] {
            if (!m_search.isCanceled())
                show(m_search.result());
        });
    }
    ~Window() override
    {
        m_search.cancel();
        m_search.waitForFinished();
    }

    void find(const QString &text)
    {
        using Promise = QPromise<QStringList>;
        const auto job = [text](Promise &promise) {
            QStringList found;
            for (const QString &line : lines()) {
                if (promise.isCanceled())
                    return;
                if (line.contains(text))
                    found += line;
            }
            promise.addResult(found);
        };
        m_search.cancel();
        m_search.setFuture(QtConcurrent::run(job));
    }

private:
    QFutureWatcher<QStringList> m_search;
};

} // namespace FromConcurrent::Before

namespace FromConcurrent::After {

class Window : public ListView
{
public:
    void find(const QString &text)
    {
        if (m_search.isValid())
            m_search.cancel();
        m_search = m_tasks.startSoon(&Window::search, this, text);
    }

private:
    QCoro::Task<> search(CancelScope scope, QString text)
    {
        const auto job = [text](CancelScope own) {
            QStringList found;
            for (const QString &line : lines()) {
                own.throwIfCancelled();
                if (line.contains(text))
                    found += line;
            }
            return found;
        };
        show(co_await runInThread(scope, job));
    }

    TaskHandle<void> m_search;
    TaskGroup m_tasks{this}; // the last member
};

} // namespace FromConcurrent::After

namespace FromQCoro {

class Source : public QObject
{
    Q_OBJECT

public:
    int value() const { return m_value; }
    void tell(int value)
    {
        m_value = value;
        Q_EMIT changed();
    }

Q_SIGNALS:
    void changed();

private:
    int m_value = 0;
};

} // namespace FromQCoro

namespace FromQCoro::Before {

class Window : public View
{
public:
    explicit Window(Source *source)
        : m_source(source)
    {
        follow();
    }

private:
    QCoro::Task<> follow()
    {
        const QPointer<Window> self = this;
        for (;;) {
            // for ever, if the source is deleted
            co_await qCoro(m_source, &Source::changed);
            if (!self)
                co_return;
            show(m_source->value());
            co_await QCoro::sleepFor(10ms);
            if (!self)
                co_return;
        }
    }

    Source *m_source;
};

} // namespace FromQCoro::Before

namespace FromQCoro::After {

class Window : public View
{
public:
    explicit Window(Source *source)
        : m_source(source)
    {
        m_tasks.startSoon(&Window::follow, this);
    }

private:
    QCoro::Task<> follow(CancelScope scope)
    {
        for (;;) {
            // BrokenResourceError, if the source is deleted
            co_await scope.cancellable(m_source, &Source::changed);
            show(m_source->value());
            co_await scope.sleep(10ms);
        }
    }

    Source *m_source;
    TaskGroup m_tasks{this}; // the last member
};

} // namespace FromQCoro::After

namespace Quitting {

class Document : public QWidget
{
public:
    bool isSaved = false;

protected:
    void closeEvent(QCloseEvent *event) override
    {
        if (isSaved)
            return;
        event->ignore(); // not yet
        if (m_tasks.size() == 0)
            m_tasks.startSoon(QStringLiteral("save and close"), &Document::saveAndClose, this);
    }

private:
    QCoro::Task<> save(CancelScope scope)
    {
        co_await scope.sleep(10ms);
        isSaved = true;
    }

    QCoro::Task<> saveAndClose(CancelScope scope)
    {
        co_await save(scope);
        close(); // it was the last window: the application quits
    }

    TaskGroup m_tasks{this}; // the last member
};

} // namespace Quitting

class tst_Migration : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_warnings.emplace();
        m_leftovers.emplace();
    }
    void cleanup()
    {
        m_leftovers.reset();
        m_warnings.reset();
    }

    void fromThreads();
    void fromConcurrent();
    void fromQCoro();
    void quitting();

private:
    template<typename Window>
    void followsToTheEnd();
    template<typename Window>
    void goesInBetween();
    template<typename Window>
    void findsTheLatest();

    std::optional<WarningGuard> m_warnings;
    std::optional<LeftoverGuard> m_leftovers;
};

template<typename Window>
void tst_Migration::followsToTheEnd()
{
    Window window;
    window.start();
    QTRY_VERIFY(window.hasEnded);
    QCOMPARE(window.shown.size(), 1000);
    QCOMPARE(window.shown.last(), 1'000'000);
}

template<typename Window>
void tst_Migration::goesInBetween()
{
    Window window;
    window.start();
    QTRY_VERIFY(!window.shown.isEmpty());
}

void tst_Migration::fromThreads()
{
    followsToTheEnd<FromThreads::Before::Window>();
    followsToTheEnd<FromThreads::After::Window>();
    goesInBetween<FromThreads::Before::Window>();
    goesInBetween<FromThreads::After::Window>();
}

template<typename Window>
void tst_Migration::findsTheLatest()
{
    Window window;
    window.find(QStringLiteral("o"));
    window.find(QStringLiteral("tw"));
    const QStringList expected{QStringLiteral("two"), QStringLiteral("twenty")};
    QTRY_COMPARE(window.shown, expected);
    window.find(QStringLiteral("o")); // and goes at once
}

void tst_Migration::fromConcurrent()
{
    findsTheLatest<FromConcurrent::Before::Window>();
    findsTheLatest<FromConcurrent::After::Window>();
}

void tst_Migration::fromQCoro()
{
    FromQCoro::Source source;
    const auto use = [&](auto window) {
        source.tell(1);
        QTRY_COMPARE(window->shown, QList<int>{1});
        QTest::qWait(
            30); // until it has slept: of two emissions at once, QCoro 0.8 does not survive the second
        source.tell(2);
        QTRY_COMPARE(window->shown, (QList<int>{1, 2}));
        window.reset(); // while it sleeps
    };
    use(std::make_unique<FromQCoro::Before::Window>(&source));
    QTest::qWait(30); // it sleeps on, and learns only then that its window is gone

    auto after = std::make_unique<FromQCoro::After::Window>(&source);
    QVERIFY(waitUntilIdle()); // it begins in the next turn of the loop
    use(std::move(after));
    QVERIFY(waitUntilIdle());
}

void tst_Migration::quitting()
{
    Quitting::Document document;
    document.show();
    document.close();
    document.close();
    QVERIFY(document.isVisible());
    QTRY_VERIFY(!document.isVisible());
    QVERIFY(document.isSaved);
}

QTEST_MAIN(tst_Migration)

#include "tst_migration.moc"
