// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../shared/errorchain.h"
#include "../shared/messagelog.h"
#include "../shared/outcome.h"
#include "../shared/scriptedservice.h"

#include <MicroIO/EventLog>
#include <MicroIO/Supervisor>

#include <QRegularExpression>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

// Services for supervisors under test.

namespace Tests {

inline QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

/// Starts it, and is done when all of it is ready.
inline QCoro::Task<> started(MicroIO::Supervisor &supervisor)
{
    supervisor.start();
    return supervisor.waitStarted(MicroIO::CancelScope());
}

/// Makes services that note when they begin ("+a"), are ready ("a") and have stopped ("a)"), in one log.
class Crew
{
public:
    /// What the \a n th instance of a service does when it has been ready (or instead); from 1 on.
    using Script = std::function<QCoro::Task<>(ScriptedService &, MicroIO::CancelScope, int n)>;

    MicroIO::EventLog log;

    MicroIO::Supervisor::ServiceSpec spec(const QString &name, Script script = {}) const
    {
        const auto count = std::make_shared<std::atomic<int>>(0);
        MicroIO::Supervisor::ServiceSpec spec;
        spec.name = name;
        spec.factory = [name, script, count, log = log,
                        here = m_here]() -> std::unique_ptr<MicroIO::ServiceThread> {
            const int n = ++*count;
            auto body = [log, script, n, probe = Probe(*here),
                         here](ScriptedService &self, MicroIO::CancelScope scope) -> QCoro::Task<> {
                log.add(QLatin1Char('+') + self.name());
                if (script) {
                    auto task = script(self, scope, n);
                    co_await task;
                } else {
                    log.add(self.name());
                    self.reportStarted();
                }
                try {
                    co_await scope.cancelled();
                } catch (const MicroIO::Cancelled &) {
                }
                log.add(self.name() + QLatin1Char(')'));
            };
            return MicroIO::makeService<ScriptedService>(body, name);
        };
        return spec;
    }

    QString all() const { return log.entries().join(QLatin1Char(' ')); }
    /// Since the last call.
    QString take()
    {
        const QString entries = all();
        log.clear();
        return entries;
    }
    /// That there is no service object any more.
    bool isGone() const { return *m_here == 0; }

private:
    const std::shared_ptr<std::atomic<int>> m_here = std::make_shared<std::atomic<int>>(0);
};

/// It is ready, and fails after \a delay if it is one of the first \a times.
inline Crew::Script failing(int times, std::chrono::milliseconds delay = {})
{
    return [times, delay](ScriptedService &self, MicroIO::CancelScope scope, int n) -> QCoro::Task<> {
        self.reportStarted();
        if (n > times)
            co_return;
        co_await scope.sleep(delay);
        throw failure("boom");
    };
}

/// Lets the current instance of a service fail.
inline void fail(MicroIO::Supervisor &supervisor, const char *name, const std::exception_ptr &error = {})
{
    const auto thrown = error ? error : std::make_exception_ptr(failure("boom"));
    supervisor.service<ScriptedService>(text(name)).callSoon([thrown](ScriptedService &service) {
        service.taskGroup().startSoon([thrown]() -> QCoro::Task<> {
            std::rethrow_exception(thrown);
            co_return;
        });
    });
}

/// Blocks in the service's own code, which does not look at anything, until it is let go.
class DeafSpec
{
public:
    explicit DeafSpec(const QString &name)
    {
        spec.name = name;
        spec.factory = [name, state = m_state]() -> std::unique_ptr<MicroIO::ServiceThread> {
            return std::make_unique<MicroIO::ServiceThread>(name, [state](MicroIO::ServiceThread &service) {
                service.reportStarted();
                ++state->running;
                static_cast<void>(state->letGo.wait()); // a wait of MicroIO: a test's clock goes on
                --state->running;
            });
        };
    }
    ~DeafSpec() { letGo(); }
    Q_DISABLE_COPY_MOVE(DeafSpec)

    void letGo() { m_state->letGo.close(); }
    int running() const { return m_state->running; }

private:
    struct State
    {
        MicroIO::CloseScope letGo;
        std::atomic<int> running = 0;
    };
    const std::shared_ptr<State> m_state = std::make_shared<State>();

public:
    MicroIO::Supervisor::ServiceSpec spec;
};

/// What was complained about but that services and supervisors have failed, which tests do on purpose, and that
/// newer versions of QAbstractItemModelTester ask for pixmaps, which there are none of without Qt Gui.
inline QStringList complaints(MessageLog &log)
{
    static const QRegularExpression expected(
        QStringLiteral("^critical microio.service: (Service|Supervisor) [\\w ]+ has failed: "
                       "|^warning default: Trying to construct an instance of an invalid type"));
    QStringList lines;
    for (const QString &line : log.take()) {
        if (!expected.match(line).hasMatch())
            lines += line;
    }
    return lines;
}

} // namespace Tests
