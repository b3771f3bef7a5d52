// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Channel>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/RequestRegistry>

#include <QString>

/// A service that owns a counter. Operations reach it through a channel; each is answered through the reply handle
/// that came with it.
class Counter : public MicroIO::LoopServiceThread
{
    Q_OBJECT

public:
    Counter();

    /// Hands \a operation ("add N", "get", "sleep MS", "fail") over; the answer is the counter's value, or an error. Throws
    /// what ended the service if it does not run any more. Any thread.
    MicroIO::PendingReply<quint64, qint64> ask(const QString &operation);

    /// The counter's value without a request: reads it on the service's thread.
    qint64 peek();

private:
    using Reply = MicroIO::ReplyHandle<quint64, qint64>;
    struct Request
    {
        Request(QString o, Reply r)
            : operation(std::move(o))
            , reply(std::move(r))
        {
        }
        QString operation;
        Reply reply;
    };

    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override;
    QCoro::Task<> handle(Request request, MicroIO::CancelScope scope);

    MicroIO::RequestRegistry<quint64, qint64> m_registry;
    MicroIO::SendChannel<Request> m_send;
    MicroIO::ReceiveChannel<Request> m_receive;
    qint64 m_value = 0; // of the service's thread, as is the next
    Reply m_killing; // to the request that has killed it
};
