// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/Timeouts>

namespace MicroIO::Detail {

bool absorbs(const CancelScope &own, const CancelScope &outer)
{
    return own.isCancelled() && !outer.isCancelled();
}

void throwIfTimedOut(const CancelScope &own, const CancelScope &outer, const QString &what)
{
    if (own.timedOut() && !outer.isCancelled())
        throw TimeoutError(what.isEmpty() ? QStringLiteral("the time limit has passed")
                                          : QStringLiteral("the time limit has passed: %1").arg(what));
}

} // namespace MicroIO::Detail
