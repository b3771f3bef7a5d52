// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/ChannelNotifier>

#include "channels/channelsignals_p.h"
#include "loop/inbox_p.h"
#include "loop/logging_p.h"
#include <MicroIO/Errors>
#include <MicroIO/channels/channelcore.h>

namespace MicroIO {

ChannelNotifier::ChannelNotifier() = default;

ChannelNotifier::~ChannelNotifier() = default;

namespace Detail {

ChannelSignals::ChannelSignals(ChannelCore *channel, std::shared_ptr<Inbox> home)
    : m_channel(channel)
    , m_home(std::move(home))
    , m_notifier(new ChannelNotifier)
{
}

ChannelSignals::~ChannelSignals() = default;

void ChannelSignals::tellLocked(News news, Wakes &wakes)
{
    m_news |= news;
    postLocked(wakes);
}

void ChannelSignals::postLocked(Wakes &wakes)
{
    if (m_self)
        return;
    m_self = shared_from_this();
    m_keptChannel = m_channel->shared_from_this();
    if (!m_home->post(this, &wakes)) {
        m_keptChannel.reset();
        m_self.reset();
    }
}

void ChannelSignals::retire(std::shared_ptr<ChannelSignals> signals)
{
    if (signals->m_home->isHere()) {
        delete signals->m_notifier;
        return;
    }
    bool isOnItsWay = false;
    {
        Wakes wakes;
        const std::lock_guard lock(signals->m_channel->m_mutex);
        signals->m_isRetired = true;
        signals->postLocked(wakes);
        isOnItsWay = signals->m_self != nullptr;
    }
    if (!isOnItsWay)
        delete signals->m_notifier; // the loop of its thread has ended: nobody else touches it
}

void ChannelSignals::run()
{
    std::shared_ptr<ChannelSignals> self;
    std::shared_ptr<ChannelCore> channel;
    quint8 news = 0;
    bool isFailed = false;
    std::exception_ptr error;
    {
        const std::lock_guard lock(m_channel->m_mutex);
        self = std::move(m_self);
        channel = std::move(m_keptChannel);
        news = std::exchange(m_news, 0);
        isFailed = m_channel->m_state == ChannelCore::State::Failed;
        error = m_channel->m_error;
        if (m_isRetired)
            news = 0;
    }
    if (news == 0) {
        delete m_notifier;
        return;
    }
    try {
        if (m_notifier && (news & Items))
            Q_EMIT m_notifier->readyRead(ChannelNotifier::QPrivateSignal());
        if (m_notifier && (news & End)) { // a slot may have dropped the receive end
            if (isFailed)
                Q_EMIT m_notifier->failed(error ? describe(error) : QStringLiteral("the channel has failed"),
                                          ChannelNotifier::QPrivateSignal());
            else
                Q_EMIT m_notifier->closed(ChannelNotifier::QPrivateSignal());
        }
    } catch (...) {
        qCCritical(logTask).noquote()
            << "A slot connected to a ChannelNotifier threw:" << describe(std::current_exception());
    }
}

void ChannelSignals::discard()
{
    std::shared_ptr<ChannelSignals> self; // both are released with the mutex unlocked
    std::shared_ptr<ChannelCore> channel;
    bool isRetired = false;
    {
        const std::lock_guard lock(m_channel->m_mutex);
        self = std::move(m_self);
        channel = std::move(m_keptChannel);
        isRetired = m_isRetired;
    }
    if (isRetired)
        delete m_notifier;
}

} // namespace Detail
} // namespace MicroIO
