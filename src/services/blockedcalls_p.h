// SPDX-License-Identifier: Apache-2.0
#pragma once

class QThread;

namespace MicroIO::Detail {

/// Which service's thread is blocked in a call to which other. A call that would close a cycle of them is refused, as it
/// would never end. All functions may be called on any thread.
class BlockedCalls
{
public:
    /// \a caller is about to block until \a callee has run \a call. False if that one, directly or through others, is
    /// blocked in a call to \a caller.
    static bool enter(const QThread *caller, const QThread *callee, const void *call);

    /// \a call is decided; to be told before \a caller goes on. Told twice, it does nothing.
    static void leave(const QThread *caller, const void *call);
};

} // namespace MicroIO::Detail
