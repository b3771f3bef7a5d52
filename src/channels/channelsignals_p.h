// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/loop/readyitem.h>

#include <QPointer>

#include <memory>

namespace MicroIO {

class ChannelNotifier;

namespace Detail {

class ChannelCore;
class Wakes;
class Inbox;

/// Carries what happens to a channel to its notifier: one delivery is on its way, however much happens.
class ChannelSignals final : public ReadyItem, public std::enable_shared_from_this<ChannelSignals>
{
public:
    enum News : quint8 { Items = 1, End = 2 };

    /// On the receiver's thread.
    ChannelSignals(ChannelCore *channel, std::shared_ptr<Inbox> home);
    ~ChannelSignals() override;

    ChannelNotifier *notifier() const { return m_notifier; }

    /// With the channel's mutex held, as long as the channel knows this object. Any thread.
    void tellLocked(News news, Wakes &wakes);

    /// The receive end is gone: deletes the notifier, on its own thread if that has a loop still. Any thread.
    static void retire(std::shared_ptr<ChannelSignals> signals);

    void run() override;
    void discard() override;

private:
    void postLocked(Wakes &wakes);

    ChannelCore *const m_channel;
    const std::shared_ptr<Inbox> m_home;
    QPointer<ChannelNotifier> m_notifier;
    std::shared_ptr<ChannelCore>
        m_keptChannel; // while it is on its way; guarded by the channel's mutex, as all that follows
    std::shared_ptr<ChannelSignals> m_self;
    quint8 m_news = 0;
    bool m_isRetired = false;
};

} // namespace Detail
} // namespace MicroIO
