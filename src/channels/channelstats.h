// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtGlobal>

#include <optional>

namespace MicroIO {

/// What happens to an item that is sent when the channel has ended.
enum class LateSend {
    Throw, ///< the send throws
    Drop, ///< the item is dropped, and counted
};

struct ChannelOptions
{
    LateSend lateSend = LateSend::Throw;
    /// How many items may be queued; 0 is a rendezvous, where a send ends when its item is taken. Without one there
    /// is no bound.
    std::optional<qsizetype> capacity = {};
};

/// Figures of a channel, all of one moment.
struct ChannelStats
{
    quint64 sent = 0; ///< items that were accepted
    quint64 received = 0; ///< items that were given out, by receiving or draining
    quint64 dropped = 0; ///< late sends that were refused or dropped
    qsizetype queued = 0;
    bool closed = false; ///< closed or failed, by either end
    qsizetype blockedSends = 0; ///< sends that wait for room
};

} // namespace MicroIO
