// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "corescript.h"

#include <chrono>
#include <vector>

// The scenarios of tst_supervisorcore, a row each; how they are read stands in corescript.h.

namespace Tests {

using Core = MicroIO::Detail::SupervisorCore;
using Strategy = MicroIO::Supervisor::Strategy;
using AutoShutdown = MicroIO::Supervisor::AutoShutdown;

struct Scenario
{
    const char *name;
    Core::Rules rules;
    const char *children;
    const char *script;
    const char *log;
};

inline Core::Rules rules(Strategy strategy = Strategy::OneForOne)
{
    Core::Rules made;
    made.strategy = strategy;
    return made;
}

inline Core::Rules allowing(int restarts, std::chrono::milliseconds period,
                            Strategy strategy = Strategy::OneForOne)
{
    auto made = rules(strategy);
    made.limit = MicroIO::Detail::RestartLimit(MicroIO::Supervisor::Intensity{restarts, period});
    return made;
}

inline Core::Rules backingOff(MicroIO::Supervisor::Backoff backoff, Strategy strategy = Strategy::OneForOne)
{
    auto made = allowing(1000, std::chrono::hours(1), strategy);
    made.backoff.set(backoff);
    return made;
}

inline Core::Rules pausing(Core::Rules made, std::chrono::milliseconds pause)
{
    made.onLimit = MicroIO::Supervisor::OnLimit::Pause;
    MicroIO::Supervisor::Backoff backoff;
    backoff.maximum = pause;
    made.backoff.set(backoff);
    return made;
}

inline Core::Rules pausingAndBackingOff(Core::Rules made, MicroIO::Supervisor::Backoff backoff)
{
    made.onLimit = MicroIO::Supervisor::OnLimit::Pause;
    made.backoff.set(backoff);
    return made;
}

inline Core::Rules ending(MicroIO::Supervisor::AutoShutdown autoShutdown)
{
    auto made = rules();
    made.autoShutdown = autoShutdown;
    return made;
}

inline Core::Rules anyForAll()
{
    auto made = ending(MicroIO::Supervisor::AutoShutdown::AnySignificant);
    made.strategy = Strategy::OneForAll;
    return made;
}

inline Core::Rules decaying(double threshold, std::chrono::milliseconds halfLife,
                            std::chrono::milliseconds pause)
{
    auto made = pausing(rules(), pause);
    made.limit = MicroIO::Detail::RestartLimit(MicroIO::Supervisor::Decay{threshold, halfLife});
    return made;
}

inline std::vector<Scenario> scenarios()
{
    using namespace std::chrono_literals;
    // clang-format off
    return {
        {"SV-01 start in order", rules(), "c:m a:m b:m",
         "start, ready c, ready a, ready b, stop, end b, end a, end c",
         "start c, start a, start b, up, down, stop b, stop a, stop c, ended"},
        {"SV-02 third fails to start", rules(), "a b c:m d e",
         "start, fail c",
         "start a, start b, start c, (c no start), down, stop b, stop a, failed to start"},
        {"start limit passes", rules(), "a b:m c",
         "start, +1000, end b",
         "start a, start b, @1000, stop b, (b no start), down, stop a, failed to start"},
        {"start limit passes, and it is deaf", rules(), "a b:m c",
         "start, +1200",
         "start a, start b, @1000, stop b, @1200, (b deaf), b aside, (b no start), down, stop a, failed to start"},
        {"stop while starting", rules(), "a b:m c",
         "start, stop, end b",
         "start a, start b, down, stop b, stop a, ended"},
        {"ends before it is ready", rules(), "a b:mt c",
         "start, end b",
         "start a, start b, (b no start), down, stop a, failed to start"},
        {"stop before start", rules(), "a b",
         "stop, start",
         "down, ended"},
        {"nothing to start", rules(), "",
         "start, stop",
         "up, down, ended"},
        {"factory refused", rules(), "a b",
         "refuse b, start, stop",
         "(b no start), failed to start"},
        {"SV-03 permanent ends", rules(), "a",
         "start, end a",
         "start a, up, (a), restart a"},
        {"SV-03 permanent fails", rules(), "a",
         "start, fail a",
         "start a, up, (a), restart a"},
        {"SV-03 transient ends", rules(), "a:t b",
         "start, end a, stop",
         "start a, start b, up, down, stop b, ended"},
        {"SV-03 transient fails", rules(), "a:t",
         "start, fail a",
         "start a, up, (a), restart a"},
        {"SV-03 temporary ends", rules(), "a:e b",
         "start, end a, start a",
         "start a, start b, up, a gone, no"},
        {"SV-03 temporary fails", rules(), "a:e b",
         "start, fail a, stop",
         "start a, start b, up, (a left), a gone, down, stop b, ended"},
        {"SV-04 one for one", rules(), "a b c",
         "start, fail b",
         "start a, start b, start c, up, (b), restart b"},
        {"SV-04 rest for one", rules(Strategy::RestForOne), "a b c",
         "start, fail b",
         "start a, start b, start c, up, (b), stop c, restart b, restart c with b"},
        {"SV-04 one for all", rules(Strategy::OneForAll), "a b c",
         "start, fail b",
         "start a, start b, start c, up, (b), stop c, stop a, restart a with b, restart b, restart c with b"},
        {"rest for one, the first", rules(Strategy::RestForOne), "a b c",
         "start, fail a",
         "start a, start b, start c, up, (a), stop c, stop b, restart a, restart b with a, restart c with a"},
        {"rest for one, the last", rules(Strategy::RestForOne), "a b c",
         "start, fail c",
         "start a, start b, start c, up, (c), restart c"},
        {"one for all, each waits for the one before", rules(Strategy::OneForAll), "a:m b:m c:m",
         "start, ready a, ready b, ready c, fail b, end c, end a, ready a, ready b, ready c",
         "start a, start b, start c, up, (b), stop c, stop a, restart a with b, restart b, restart c with b"},
        {"one for all, another fails before it is told", rules(Strategy::OneForAll), "a b:m c:m",
         "start, ready b, ready c, fail b, fail c",
         "start a, start b, start c, up, (b), stop c, (c too), stop a, restart a with b, restart b"},
        {"one for all, another fails while it is stopped", rules(Strategy::OneForAll), "a b c:m",
         "start, ready c, fail b, fail c",
         "start a, start b, start c, up, (b), stop c, (c too), stop a, restart a with b, restart b, restart c with b"},
        {"one for all, the restart fails", rules(Strategy::OneForAll), "a b:m c",
         "start, ready b, fail b, fail b, ready b",
         "start a, start b, start c, up, (b), stop c, stop a, restart a with b, restart b, (b), stop a, restart a with b, restart b, restart c with b"},
        {"rest for one, an earlier one fails meanwhile", rules(Strategy::RestForOne), "a b c:m",
         "start, ready c, fail b, fail a, end c, ready c",
         "start a, start b, start c, up, (b), stop c, (a), restart a, restart b, restart c with a"},
        {"rest for one, an earlier one fails in the way up", rules(Strategy::RestForOne), "a b:m c",
         "start, ready b, fail b, fail a, end b, ready b",
         "start a, start b, start c, up, (b), stop c, restart b, (a), stop b, restart a, restart b with a, restart c with a"},
        {"one for all, a finished one comes back", rules(Strategy::OneForAll), "a:t b",
         "start, end a, fail b",
         "start a, start b, up, (b), restart a with b, restart b"},
        {"rest for one, a finished one after it comes back", rules(Strategy::RestForOne), "a:t b c:t",
         "start, end a, end c, fail b",
         "start a, start b, start c, up, (b), restart b, restart c with b"},
        {"one for all, who was stopped by hand stays down", rules(Strategy::OneForAll), "a b",
         "start, stop a, fail b",
         "start a, start b, up, stop a, (b), restart b"},
        {"SV-11 one for all, temporary", rules(Strategy::OneForAll), "a:e b c:e",
         "start, fail b",
         "start a, start b, start c, up, (b), stop c, c gone, stop a, a gone, restart b"},
        {"SV-11 rest for one, temporary", rules(Strategy::RestForOne), "a:e b c:e",
         "start, fail b",
         "start a, start b, start c, up, (b), stop c, c gone, restart b"},
        {"one for all, a deaf sibling", rules(Strategy::OneForAll), "a b:m c",
         "start, ready b, fail a, +200, ready b",
         "start a, start b, start c, up, (a), stop c, stop b, @200, (b deaf), b aside, restart a, restart b with a, restart c with a"},
        {"SV-06 limit is exact", allowing(3, 5s), "a b c",
         "start, fail b, fail b, fail b, fail b",
         "start a, start b, start c, up, (b), restart b, (b), restart b, (b), restart b, (b too often), down, stop c, stop a, failed"},
        {"SV-06 limit is exact for all", allowing(1, 5s, Strategy::OneForAll), "a b c",
         "start, fail b, fail c",
         "start a, start b, start c, up, (b), stop c, stop a, restart a with b, restart b, restart c with b, (c too often), down, stop b, stop a, failed"},
        {"SV-07 window slides", allowing(1, 200ms), "a",
         "start, fail a, +450, fail a, +450, fail a, +200, fail a",
         "start a, up, (a), restart a, @450, (a), restart a, @900, (a), restart a, @1100, (a too often), down, failed"},
        {"failures of all children count together", allowing(1, 5s), "a b",
         "start, fail a, fail b",
         "start a, start b, up, (a), restart a, (b too often), down, stop a, failed"},
        {"temporary failures do not count", allowing(0, 5s), "a:e b:e c",
         "start, fail a, fail b",
         "start a, start b, start c, up, (a left), a gone, (b left), b gone"},
        {"limit 0", allowing(0, 5s), "a",
         "start, fail a",
         "start a, up, (a too often), down, failed"},
        {"limit while another is deaf", allowing(0, 5s), "a b:m c",
         "start, ready b, fail c, +200",
         "start a, start b, start c, up, (c too often), down, stop b, @200, (b deaf), b aside, stop a, failed"},
        {"SV-14 pause", pausing(allowing(1, 5s), 60s), "a b c",
         "start, fail a, fail a, fail b, +59999, +1, fail a, fail a",
         "start a, start b, start c, up, (a), restart a, (a pauses 60000), (b waits 60000), @60000, restart a, restart b, (a), restart a, (a pauses 60000)"},
        {"SV-14 pause after a decaying count", decaying(2.5, 30s, 10s), "a b",
         "start, fail a, fail a, fail a, +10000, fail a, fail a, fail a",
         "start a, start b, up, (a), restart a, (a), restart a, (a pauses 10000), @10000, restart a, (a), restart a, (a), restart a, (a pauses 10000)"},
        {"pause, for all", pausing(allowing(0, 5s, Strategy::OneForAll), 60s), "a b",
         "start, fail a, +60000",
         "start a, start b, up, (a pauses 60000), stop b, @60000, restart a, restart b with a"},
        {"pause, started by hand", pausing(allowing(0, 5s), 60s), "a b",
         "start, fail a, start a, +60000",
         "start a, start b, up, (a pauses 60000), again a"},
        {"stop during the pause", pausing(allowing(0, 5s), 60s), "a b",
         "start, fail a, stop, +60000",
         "start a, start b, up, (a pauses 60000), down, stop b, ended"},
        {"back-off doubles", backingOff({1s, 2, 3s, 0}), "a b",
         "start, fail a, +1000, fail a, +2000, fail a, +3000, fail a, +3000",
         "start a, start b, up, (a in 1000), @1000, restart a, (a in 2000), @3000, restart a, (a in 3000), @6000, restart a, (a in 3000), @9000, restart a"},
        {"back-off is each child's own", backingOff({1s, 2, 60s, 0}), "a b",
         "start, fail a, +1000, fail a, fail b, +1000, +1000",
         "start a, start b, up, (a in 1000), @1000, restart a, (a in 2000), (b in 1000), @2000, restart b, @3000, restart a"},
        {"back-off forgets", backingOff({1s, 2, 3s, 0}), "a",
         "start, fail a, +1000, +3000, fail a, +1000",
         "start a, up, (a in 1000), @1000, restart a, @4000, (a in 1000), @5000, restart a"},
        {"back-off, failing start", backingOff({1s, 2, 60s, 0}), "a:m",
         "start, ready a, fail a, +1000, fail a, +2000, ready a",
         "start a, up, (a in 1000), @1000, restart a, (a in 2000), @3000, restart a"},
        {"back-off for all", backingOff({1s, 2, 60s, 0}, Strategy::OneForAll), "a b c",
         "start, fail b, +1000",
         "start a, start b, start c, up, (b in 1000), stop c, stop a, @1000, restart a with b, restart b, restart c with b"},
        {"back-off, rest for one, an earlier one fails meanwhile", backingOff({1s, 2, 60s, 0}, Strategy::RestForOne), "a b c",
         "start, fail b, +500, fail a, +500, +500",
         "start a, start b, start c, up, (b in 1000), stop c, @500, (a in 1000), @1500, restart a, restart b, restart c with a"},
        {"back-off, started by hand", backingOff({1s, 2, 60s, 0}), "a",
         "start, fail a, start a, +1000, fail a",
         "start a, up, (a in 1000), again a, @1000, (a in 1000)"},
        {"back-off for all, started by hand", backingOff({1s, 2, 60s, 0}, Strategy::OneForAll), "a b",
         "start, fail b, +200, start b",
         "start a, start b, up, (b in 1000), stop a, @200, restart a with b, restart b"},
        {"SV-14 the pause holds who waits in back-off", pausingAndBackingOff(allowing(1, 1h), {1s, 2, 60s, 0}), "a b",
         "start, fail b, fail a, +1000, +59000",
         "start a, start b, up, (b in 1000), (a pauses 60000), @60000, restart a, restart b"},
        {"back-off, stopped by hand", backingOff({1s, 2, 60s, 0}), "a",
         "start, fail a, stop a, +1000",
         "start a, up, (a in 1000)"},
        {"back-off, removed", backingOff({1s, 2, 60s, 0}), "a b",
         "start, fail a, remove a, +1000",
         "start a, start b, up, (a in 1000), a gone"},
        {"back-off, stop of all", backingOff({1s, 2, 60s, 0}), "a b",
         "start, fail a, stop, +1000",
         "start a, start b, up, (a in 1000), down, stop b, ended"},
        {"restart while the others still start", rules(), "a b:m c",
         "start, fail a, ready b",
         "start a, start b, (a), restart a, start c, up"},
        {"SV-13 deaf at the stop", rules(), "a b:m c",
         "start, ready b, stop, +200, end b",
         "start a, start b, start c, up, down, stop c, stop b, @200, (b deaf), b aside, stop a, ended"},
        {"SV-13 deaf at a stop with a limit", rules(), "a b:m c",
         "start, ready b, stopWithin 90, +45, +45",
         "start a, start b, start c, up, down, stop c, stop b, @45, stop a, @90, (b deaf), b aside, ended"},
        {"all deaf, one limit", rules(), "a:m b:m c:m",
         "start, ready a, ready b, ready c, stopWithin 90, +30, +30, +30",
         "start a, start b, start c, up, down, stop c, @30, stop b, @60, stop a, @90, (c deaf), c aside, (b deaf), b aside, (a deaf), a aside, ended"},
        {"one limit, the skipped one ends in time", rules(), "a:m b:m",
         "start, ready a, ready b, stopWithin 100, +50, end b, end a",
         "start a, start b, up, down, stop b, @50, stop a, ended"},
        {"the limit comes later", rules(), "a b:m",
         "start, ready b, stop, +10, stopWithin 10, +10",
         "start a, start b, up, down, stop b, @15, stop a, @20, (b deaf), b aside, ended"},
        {"SV-16 do not restart", rules(), "a b",
         "start, leave a, fail b",
         "start a, start b, up, (a left), (b), restart b"},
        {"SV-16 do not restart, then by hand", rules(), "a b",
         "start, leave a, start a",
         "start a, start b, up, (a left), again a"},
        {"do not restart while starting", rules(), "a:m b",
         "start, leave a",
         "start a, (a left), start b, up"},
        {"do not restart, for all", rules(Strategy::OneForAll), "a b:m",
         "start, ready b, fail a, leave b",
         "start a, start b, up, (a), stop b, (b left), restart a"},
        {"SV-16 terminate", rules(), "a b c",
         "start, terminate b",
         "start a, start b, start c, up, (b terminates), down, stop c, stop a, terminated"},
        {"SV-16 terminate, contained", rules(), "a b:c c",
         "start, terminate b, stop",
         "start a, start b, start c, up, (b left), down, stop c, stop a, ended"},
        {"terminate while a sibling's restart stops it", rules(Strategy::OneForAll), "a b:m",
         "start, ready b, fail a, terminate b",
         "start a, start b, up, (a), stop b, (b terminates), down, terminated"},
        {"SV-21 any significant", ending(AutoShutdown::AnySignificant), "a b:ts c:ts",
         "start, end b",
         "start a, start b, start c, up, (b done), down, stop c, stop a, ended"},
        {"SV-21 any, a failure", ending(AutoShutdown::AnySignificant), "a b:ts",
         "start, fail b",
         "start a, start b, up, (b), restart b"},
        {"SV-21 any, removed by hand", ending(AutoShutdown::AnySignificant), "a b:ts c:ts",
         "start, remove b, stop c",
         "start a, start b, start c, up, stop b, b gone, stop c"},
        {"SV-21 any, temporary fails", ending(AutoShutdown::AnySignificant), "a b:es",
         "start, fail b",
         "start a, start b, up, (b done), b gone, down, stop a, ended"},
        {"SV-21 all significant", ending(AutoShutdown::AllSignificant), "a b:ts c:ts",
         "start, end b, end c",
         "start a, start b, start c, up, (c done), down, stop a, ended"},
        {"SV-21 all, one stopped by hand", ending(AutoShutdown::AllSignificant), "a b:ts c:ts",
         "start, stop b, end c",
         "start a, start b, start c, up, stop b, (c done), down, stop a, ended"},
        {"SV-21 any, do not restart", ending(AutoShutdown::AnySignificant), "a b:ts",
         "start, leave b",
         "start a, start b, up, (b left)"},
        {"SV-21 any, a contained one ends below", ending(AutoShutdown::AnySignificant), "a b:cts",
         "start, terminate b",
         "start a, start b, up, (b left)"},
        {"SV-21 never", rules(), "a:ts b",
         "start, end a",
         "start a, start b, up"},
        {"significant, but a sibling's restart stopped it", anyForAll(), "a b:ts",
         "start, fail a",
         "start a, start b, up, (a), stop b, restart a, restart b with a"},
        {"SV-22 restart", allowing(0, 5s), "a b c",
         "start, restart b",
         "start a, start b, start c, up, stop b, again b"},
        {"SV-22 stop, later start", allowing(0, 5s), "a b",
         "start, stop a, +1000, start a",
         "start a, start b, up, stop a, @1000, again a"},
        {"SV-22 stop is not a failure", allowing(0, 5s, Strategy::OneForAll), "a b:m",
         "start, ready b, stop b, fail b",
         "start a, start b, up, stop b, (b left)"},
        {"fails while it is restarted by hand", allowing(0, 5s), "a:m",
         "start, ready a, restart a, fail a, ready a",
         "start a, up, stop a, (a again), again a"},
        {"terminate while it is stopped by hand", rules(), "a b:m",
         "start, ready b, stop b, terminate b",
         "start a, start b, up, stop b, (b terminates), down, stop a, terminated"},
        {"stop, then start at once", rules(), "a:m",
         "start, ready a, stop a, start a, end a, ready a",
         "start a, up, stop a, again a"},
        {"start what is up", rules(), "a",
         "start, start a",
         "start a, up"},
        {"stop, before all start", rules(), "a b",
         "stop a, start",
         "start b, up"},
        {"restart what is down", rules(), "a b",
         "start, stop a, restart a",
         "start a, start b, up, stop a, again a"},
        {"restart of a deaf one", rules(), "a:m b",
         "start, ready a, restart a, +200, ready a",
         "start a, start b, up, stop a, @200, (a deaf), a aside, again a"},
        {"remove", rules(), "a:m b",
         "start, ready a, remove a, start a, end a",
         "start a, start b, up, stop a, no, a gone"},
        {"stop a temporary", rules(), "a:e b",
         "start, stop a, start a",
         "start a, start b, up, stop a, a gone, no"},
        {"stop the one that is starting", rules(), "a:m b",
         "start, stop a, end a",
         "start a, stop a, start b, up"},
        {"by hand after the stop", rules(), "a:m",
         "start, ready a, stop, start a, stop a, restart a, remove a, end a, start a",
         "start a, up, down, stop a, no, no, no, no, ended, no"},
        {"add while it runs", rules(), "a",
         "start, add b",
         "start a, up, start b"},
        {"add while it starts", rules(), "a:m",
         "start, add b, ready a",
         "start a, start b, up"},
        {"add during a restart of all", rules(Strategy::OneForAll), "a b:m",
         "start, ready b, fail a, add c, end b, ready b",
         "start a, start b, up, (a), stop b, restart a, restart b with a, start c"},
        {"an added one that fails to start", allowing(1, 5s), "a",
         "start, add b:m, fail b, fail b",
         "start a, up, start b, (b left)"},
        {"an added one that fails later", allowing(1, 5s), "a",
         "start, add b:m, ready b, fail b, fail b",
         "start a, up, start b, (b), restart b, (b too often), down, stop a, failed"},
        {"a start by hand that fails", allowing(0, 5s), "a b:m",
         "start, ready b, stop b, end b, start b, fail b, start b, ready b",
         "start a, start b, up, stop b, again b, (b left), again b"},
        {"a start by hand that takes too long", allowing(0, 5s), "a b:m",
         "start, ready b, stop b, end b, start b, +1000, end b",
         "start a, start b, up, stop b, again b, @1000, stop b, (b left)"},
        {"unresponsive, replaced", rules(), "a b",
         "start, hang a",
         "start a, start b, up, stop a, (a), restart a"},
        {"unresponsive and deaf, replaced", rules(), "a:m b",
         "start, ready a, hang a, +200, ready a",
         "start a, start b, up, stop a, @200, (a deaf), a aside, (a), restart a"},
        {"unresponsive counts", allowing(0, 5s), "a b",
         "start, hang a",
         "start a, start b, up, stop a, (a too often), down, stop b, failed"},
        {"fails while all are stopped", rules(), "a b:m",
         "start, ready b, stop, fail b",
         "start a, start b, up, down, stop b, (b late), stop a, ended"},
    };
    // clang-format on
}

} // namespace Tests
