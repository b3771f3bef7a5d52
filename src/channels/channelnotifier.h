// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QObject>
#include <QString>

namespace MicroIO {

namespace Detail {
class ChannelSignals;
}

/// The signals of a channel's receive end, for code without coroutines. See ReceiveChannel::notifier().
///
/// It lives in the thread that receives and signals there, from the event loop, never inside a call to a channel. It
/// belongs to the channel: do not delete it; it is gone with the receive end.
class MICROIO_EXPORT ChannelNotifier final : public QObject
{
    Q_OBJECT

public:
    ~ChannelNotifier() override;

Q_SIGNALS:
    /// Items have been sent since the last one: take them with drainNow(), or with tryReceive() until that gives
    /// nothing. One signal for all that came until it was emitted; also at first, if there are items already.
    void readyRead(QPrivateSignal);

    /// The channel was closed, by either end; what is queued can still be taken. Emitted once, after a readyRead()
    /// for the last items.
    void closed(QPrivateSignal);

    /// The same, when the channel has failed. Instead of closed().
    void failed(const QString &errorString, QPrivateSignal);

private:
    friend class Detail::ChannelSignals;
    ChannelNotifier();
};

} // namespace MicroIO
