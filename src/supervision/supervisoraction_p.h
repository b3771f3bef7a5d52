// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/Supervisor>

#include <chrono>
#include <exception>
#include <optional>

namespace MicroIO::Detail {

/// A child of a supervisor, by the order of its start; from 1 on.
using ChildId = quint64;

/// What the state machine knows of a child. A limit of nanoseconds::max() is none.
struct ChildRules
{
    Supervisor::Restart restart = Supervisor::Restart::Permanent;
    bool isSignificant = false;
    bool isContained = false;
    std::chrono::nanoseconds startLimit = std::chrono::nanoseconds::max();
    std::chrono::nanoseconds stopLimit = std::chrono::nanoseconds::max();
};

/// Never beyond the end of time.
inline Deadline later(Deadline moment, std::chrono::nanoseconds duration)
{
    return duration >= Deadline::max() - moment ? Deadline::max() : moment + duration;
}

/// How a child has ended.
struct ChildEnd
{
    enum class Way { Normal, Error, DoNotRestart, TerminateSupervisor };

    Way way = Way::Normal;
    std::exception_ptr error; // null if it ended normally
};

/// How a supervisor has ended.
struct SupervisorEnd
{
    enum class Way { Normal, StartFailed, TooManyRestarts, Terminated };

    Way way = Way::Normal;
    ChildId child = 0; // who is to blame
    ChildEnd cause;
};

/// When a stop has to have ended. What is deaf at \a end is set aside; the next one is told to stop by \a share, so that
/// those of a supervisor have all been told when it is the turn of who comes after it.
struct StopLimit
{
    Deadline end = Deadline::max();
    Deadline share = Deadline::max();
};

/// What the state machine wants to have done or told.
struct SupervisorAction
{
    enum class Kind {
        Start, // make an instance of the child and start it
        Stop, // ask the instance to end
        SetAside, // the instance is deaf: it is the child's no more
        Remove, // the child is no more
        Report, // an incident of the child
        Ready, // all have been started
        ShutDown, // the supervisor begins to stop
        End, // nothing is alive
    };
    /// Why there is a Start.
    enum class Because { First, ByHand, Failure, Sibling };
    /// Why there is a Stop.
    enum class Reason { ByHand, Removed, Restart, NotReady, Unresponsive, Sibling, ShutDown };
    /// What is done about an incident.
    enum class Verdict {
        Restart,
        RestartWithSibling,
        RestartByHand,
        Wait, // until the pause is over
        Pause,
        LeaveDown,
        GiveUpStart,
        GiveUp,
        Terminate,
        AutoShutdown,
        GoOnStopping,
        SetAside,
    };

    Kind kind;
    ChildId child = 0;
    Because because = Because::First;
    Reason reason = Reason::ByHand;
    Verdict verdict = Verdict::Restart;
    ChildId culprit = 0; // of a Start because of a Sibling
    ChildEnd cause = {}; // of a Start, Report
    StopLimit limit = {}; // of a Stop
    std::chrono::nanoseconds delay{0}; // of a Report: until the restart, or the end of the pause
};

} // namespace MicroIO::Detail
