// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>
#include <MicroIO/microio_export.h>

#include <QCoroTask>

#include <chrono>
#include <functional>

namespace MicroIO {

namespace Detail {
MICROIO_EXPORT int runApplication(int (*exec)(), std::chrono::milliseconds limit,
                                  std::function<QCoro::Task<int>(CancelScope)> body);
}

/// Runs \a application's event loop, App::exec(), and gives its exit code. When that has returned, every service group and
/// supervisor of the application's thread is stopped, and the scope of \a body cancelled, within one \a limit for all,
/// while an event loop turns without user input; those that are deaf are named in the log. It never blocks for longer.
/// Where exec() does not return, as when Windows ends the session, only ServiceGroup::stopOnQuit() and its like are heard.
///
/// \a body, if there is one, is the main coroutine, called as body(CancelScope) in the first turn of the event loop. When
/// it ends, the application exits with what it returns; if it throws, that is logged, and the exit code is 1. \a body
/// lives until its coroutine has ended.
template<typename App>
int runApplication([[maybe_unused]] App &application, std::chrono::milliseconds limit,
                   std::function<QCoro::Task<int>(CancelScope)> body = {})
{
    return Detail::runApplication(&App::exec, limit, std::move(body));
}

} // namespace MicroIO
