// SPDX-License-Identifier: Apache-2.0
#include "scenes.h"

#include "crew.h"

#include <functional>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace Scenes {

using State = ServiceThread::State;

namespace {

QCoro::Task<> until(CancelScope scope, std::function<bool()> condition)
{
    while (!condition())
        co_await scope.sleep(10ms);
}

QCoro::Task<> untilState(CancelScope scope, Crew &crew, Crew::Member member, State state)
{
    auto &supervisor = crew.supervisor();
    for (;;) {
        const auto info = supervisor.serviceInfo(Crew::nameOf(member));
        if (info && info->state == state)
            co_return;
        co_await scope.cancellable(&supervisor, &Supervisor::serviceStateChanged);
    }
}

QCoro::Task<> crashOnce(CancelScope scope, Crew &crew, Crew::Member member)
{
    auto &supervisor = crew.supervisor();
    auto running = untilState(scope, crew, member, State::Running);
    co_await running;
    const auto before = supervisor.incidents().size();
    crew.crash(Crew::nameOf(member));
    while (supervisor.incidents().size() == before)
        co_await scope.cancellable(&supervisor, &Supervisor::incidentAdded);
}

QCoro::Task<> playHealthy(CancelScope scope, Crew &crew)
{
    const auto haveWorked = [&] {
        if (const auto error = crew.supervisor().exception())
            std::rethrow_exception(error);
        for (int member = 0; member < Crew::MemberCount; ++member) {
            if (crew.work(Crew::Member(member)) == 0)
                return false;
        }
        return true;
    };
    auto working = until(scope, haveWorked);
    co_await working;
}

QCoro::Task<> playFailed(CancelScope scope, Crew &crew)
{
    auto &supervisor = crew.supervisor();
    auto crashing = crashOnce(scope, crew, Crew::Primes);
    co_await crashing;
    auto running = untilState(scope, crew, Crew::Primes, State::Running);
    co_await running;

    // Without a server, the load generator cannot start; by hand, that is tried once.
    static constexpr Crew::Member stopped[] = {Crew::Load, Crew::Echo};
    for (const auto member : stopped) {
        supervisor.stopService(Crew::nameOf(member));
        auto stopping = untilState(scope, crew, member, State::Stopped);
        co_await stopping;
    }
    supervisor.startService(Crew::nameOf(Crew::Load));
    auto failing = untilState(scope, crew, Crew::Load, State::Failed);
    co_await failing;
}

QCoro::Task<> playPaused(CancelScope scope, Crew &crew)
{
    for (int crashes = 0; crashes <= stillOptions().intensity.restarts; ++crashes) {
        auto crashing = crashOnce(scope, crew, Crew::Feed);
        co_await crashing;
    }
}

} // namespace

CrewOptions stillOptions()
{
    CrewOptions options;
    options.seed = 1;
    options.feedFailureChance = 0;
    options.intensity = {3, 1min};
    options.backoff = {.initial = 20ms, .maximum = 10min};
    return options;
}

QCoro::Task<> play(CancelScope scope, Crew &crew, Scene scene)
{
    auto working = playHealthy(scope, crew);
    co_await working;
    switch (scene) {
    case Scene::Healthy:
        co_return;
    case Scene::Failed: {
        auto playing = playFailed(scope, crew);
        co_await playing;
        co_return;
    }
    case Scene::Paused: {
        auto playing = playPaused(scope, crew);
        co_await playing;
        co_return;
    }
    }
}

} // namespace Scenes
