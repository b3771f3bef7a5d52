// SPDX-License-Identifier: Apache-2.0
//
// An application with five services, one of them deaf, that is asked to quit. tst_quit runs it:
//
//     quithelper core|widgets quit|window|failure|child|signal|body|return|supervisor stopOnQuit|runApplication <limit in ms>
//
// It prints "ready" when it can be asked, "asked" with the time when it is told to quit, and "returned" with exec()'s code.

#include <MicroIO/Application>
#include <MicroIO/CancelScope>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/ServiceGroup>
#include <MicroIO/Supervisor>

#ifdef MICROIO_TEST_WIDGETS
#include <QApplication>
#include <QLabel>
#else
#include <QCoreApplication>
#endif
#include <QSocketNotifier>
#include <QTextStream>
#include <QTimer>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <limits>
#include <memory>

#include <unistd.h>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

void say(const QString &line)
{
    QTextStream(stdout) << line << Qt::endl;
}

void sayAsked()
{
    say(QStringLiteral("asked %1")
            .arg(std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count()));
}

/// Works with a timer until it is stopped.
class Ticking : public LoopServiceThread
{
public:
    explicit Ticking(const QString &name)
        : LoopServiceThread(name)
    {
    }

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        auto *timer = new QTimer(context());
        timer->start(1);
        reportStarted();
        for (;;)
            co_await scope.sleep(1ms);
    }
};

/// Needs the main thread to clean up.
class Tidy : public LoopServiceThread
{
public:
    explicit Tidy(QObject *inMainThread)
        : LoopServiceThread(QStringLiteral("tidy"))
        , m_inMainThread(inMainThread)
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
        QMetaObject::invokeMethod(m_inMainThread, "deleteLater", Qt::BlockingQueuedConnection);
        say(QStringLiteral("tidied up"));
    }

    QObject *const m_inMainThread;
};

class Failing : public LoopServiceThread
{
public:
    explicit Failing(bool fails)
        : LoopServiceThread(QStringLiteral("failing"))
        , m_fails(fails)
    {
    }

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        reportStarted();
        co_await scope.sleep(50ms);
        if (m_fails)
            throw std::runtime_error("X");
        co_await scope.cancelled();
    }

    const bool m_fails;
};

int pipeEnds[2];

extern "C" void onTerminate(int)
{
    const char byte = 0;
    if (write(pipeEnds[1], &byte, 1) != 1)
        _exit(99);
}

struct Arguments
{
    QString how;
    QString runner;
    std::chrono::milliseconds limit;
};

std::unique_ptr<ServiceThread> makeDeaf()
{
    return std::make_unique<ServiceThread>(QStringLiteral("deaf"), [](ServiceThread &service) {
        service.reportStarted();
        QThread::sleep(30); // real time: deaf to everything
    });
}

/// Supervisors one of whose services restarts all the time, and one waits for its restart, when the application quits.
template<typename App>
int runSupervised(App &app, const Arguments &arguments)
{
    const auto crashing = [] {
        return std::make_unique<ServiceThread>(QStringLiteral("crashing"), [](ServiceThread &service) {
            service.reportStarted();
            throw std::runtime_error("X");
        });
    };
    Supervisor supervisor;
    supervisor.setIntensity({std::numeric_limits<int>::max(), 1s});
    const auto add = [](Supervisor &to, const char *name,
                        std::function<std::unique_ptr<ServiceThread>()> factory) {
        Supervisor::ServiceSpec spec;
        spec.name = QString::fromLatin1(name);
        spec.factory = std::move(factory);
        to.addService(spec);
    };
    add(supervisor, "first", [] { return makeService<Ticking>(QStringLiteral("first")); });
    add(supervisor, "deaf", makeDeaf);
    add(supervisor, "crashing", crashing);
    Supervisor::SupervisorSpec inner;
    inner.name = QStringLiteral("inner");
    inner.factory = [&] {
        auto made = std::make_unique<Supervisor>(Supervisor::Strategy::OneForAll);
        Supervisor::Backoff backoff;
        backoff.initial = backoff.maximum = 1h;
        made->setBackoff(backoff);
        add(*made, "ticking", [] { return makeService<Ticking>(QStringLiteral("ticking")); });
        add(*made, "crashing", crashing);
        return made;
    };
    supervisor.addSupervisor(inner);
    const bool byItself = arguments.runner == QStringLiteral("stopOnQuit");
    if (byItself)
        supervisor.stopOnQuit(arguments.limit);
    supervisor.start();
    QTimer::singleShot(300, &app, [] {
        sayAsked();
        QCoreApplication::exit(9);
    });
    say(QStringLiteral("ready"));
    const int code = byItself ? App::exec() : runApplication(app, arguments.limit);
    if (supervisor.state() == Supervisor::State::Stopped && supervisor.unresponsive().size() == 1)
        say(QStringLiteral("tidied up"));
    say(QStringLiteral("returned %1").arg(code));
    return code;
}

template<typename App>
int run(App &app, const Arguments &arguments)
{
    if (arguments.how == QStringLiteral("supervisor"))
        return runSupervised(app, arguments);
    auto *inMainThread = new QObject; // deleted by a service
    ServiceGroup group;
    group.add(makeService<Ticking>(QStringLiteral("first")));
    group.add(makeService<Tidy>(inMainThread));
    group.add(makeDeaf());
    auto &failing = group.add(makeService<Failing>(arguments.how == QStringLiteral("failure")));
    auto &last = group.add(makeService<Ticking>(QStringLiteral("last")));
    const bool byGroup = arguments.runner == QStringLiteral("stopOnQuit");
    if (byGroup)
        group.stopOnQuit(arguments.limit);
    group.start().waitStarted();

    const auto exitWith = [](int code) {
        sayAsked();
        QCoreApplication::exit(code);
    };
    std::unique_ptr<QSocketNotifier> notifier;
    if (arguments.how == QStringLiteral("quit")) {
        QTimer::singleShot(50, &app, [&] { exitWith(3); });
    } else if (arguments.how == QStringLiteral("failure")) {
        QObject::connect(&failing, &ServiceThread::failed, &app, [&] { exitWith(4); });
    } else if (arguments.how == QStringLiteral("child")) {
        // Not before the main loop turns: Qt forgets an exit() that comes before exec().
        CloseScope isTurning;
        QTimer::singleShot(50, &app, [isTurning]() mutable { isTurning.close(); });
        last.taskGroup().startSoon([&exitWith, isTurning](CancelScope scope) -> QCoro::Task<> {
            co_await isTurning.closed(scope);
            exitWith(5);
            co_await scope.cancelled();
        });
    } else if (arguments.how == QStringLiteral("signal")) {
        if (pipe(pipeEnds) != 0)
            return 98;
        notifier = std::make_unique<QSocketNotifier>(pipeEnds[0], QSocketNotifier::Read);
        QObject::connect(notifier.get(), &QSocketNotifier::activated, &app, [&] {
            char byte = 0;
            if (read(pipeEnds[0], &byte, 1) == 1)
                exitWith(6);
        });
        std::signal(SIGTERM, onTerminate);
    } else if (arguments.how == QStringLiteral("return")) {
        say(QStringLiteral("ready"));
        sayAsked();
        return 7; // without an event loop: the group goes as any object does
    }
#ifdef MICROIO_TEST_WIDGETS
    std::unique_ptr<QLabel> window;
    if constexpr (std::is_same_v<App, QApplication>) {
        window = std::make_unique<QLabel>(QStringLiteral("window"));
        window->show();
        if (arguments.how == QStringLiteral("window")) {
            QTimer::singleShot(50, &app, [&] {
                sayAsked();
                window->close();
            });
        }
    }
#endif
    say(QStringLiteral("ready"));

    int code = 0;
    if (byGroup) {
        code = App::exec();
    } else if (arguments.how == QStringLiteral("body")) {
        code = runApplication(app, arguments.limit, [](CancelScope scope) -> QCoro::Task<int> {
            co_await scope.sleep(50ms);
            sayAsked();
            co_return 8;
        });
    } else {
        code = runApplication(app, arguments.limit, [](CancelScope scope) -> QCoro::Task<int> {
            try {
                co_await scope.cancelled();
            } catch (const Cancelled &) {
            }
            co_await scope.shielded().sleep(5ms);
            say(QStringLiteral("main coroutine ended"));
            co_return 0;
        });
    }
    say(QStringLiteral("returned %1").arg(code));
    return code;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 5)
        return 97;
    const Arguments arguments{QString::fromLatin1(argv[2]), QString::fromLatin1(argv[3]),
                              std::chrono::milliseconds(QString::fromLatin1(argv[4]).toInt())};
#ifdef MICROIO_TEST_WIDGETS
    if (qstrcmp(argv[1], "widgets") == 0) {
        QApplication app(argc, argv);
        return run(app, arguments);
    }
#endif
    QCoreApplication app(argc, argv);
    return run(app, arguments);
}
