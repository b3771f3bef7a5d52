// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../shared/errorchain.h"
#include "../shared/outcome.h"

#include <MicroIO/CancelScope>
#include <MicroIO/Channel>
#include <MicroIO/Errors>

#include <QMap>
#include <QtTest/QtTest>

#include <memory>

// Receives and ends of channels of int, in short.

namespace Tests {

using MicroIO::CancelScope;
using MicroIO::Channel;
using MicroIO::ReceiveChannel;
using MicroIO::SendChannel;

inline std::exception_ptr error(const char *text)
{
    return std::make_exception_ptr(failure(text));
}

inline QCoro::Task<int> receiveOne(ReceiveChannel<int> &receive, CancelScope scope)
{
    co_return co_await receive.receive(scope);
}

inline QCoro::Task<std::optional<int>> nextOne(ReceiveChannel<int> &receive, CancelScope scope)
{
    co_return co_await receive.next(scope);
}

/// A receive under way: what it gave, "waits" until then.
class Receiving
{
public:
    Receiving(ReceiveChannel<int> &receive, CancelScope scope)
        : m_state(std::make_shared<QString>(QStringLiteral("waits")))
    {
        run(receive, std::move(scope), m_state);
    }
    QString outcome() const { return *m_state; }
    /// After the event loop has had time for it.
    QString settled() const
    {
        turn(3);
        return *m_state;
    }

private:
    static QCoro::Task<> run(ReceiveChannel<int> &receive, CancelScope scope, std::shared_ptr<QString> state)
    {
        QString outcome;
        try {
            outcome = QString::number(co_await receive.receive(scope));
        } catch (...) {
            outcome = chainOf(std::current_exception());
        }
        *state = outcome;
    }

    std::shared_ptr<QString> m_state;
};

/// A send under way: the number of its item, "dropped" or what it threw; "waits" until then.
class Sending
{
public:
    Sending(const SendChannel<int> &send, int item, CancelScope scope = CancelScope())
        : m_state(std::make_shared<QString>(QStringLiteral("waits")))
    {
        run(send, item, std::move(scope), m_state);
    }
    QString outcome() const { return *m_state; }
    /// After the event loop has had time for it.
    QString settled() const
    {
        turn(3);
        return *m_state;
    }

private:
    static QCoro::Task<> run(SendChannel<int> send, int item, CancelScope scope,
                             std::shared_ptr<QString> state)
    {
        QString outcome;
        try {
            const auto number = co_await send.send(scope, item);
            outcome = number ? QString::number(*number) : QStringLiteral("dropped");
        } catch (...) {
            outcome = chainOf(std::current_exception());
        }
        *state = outcome;
    }

    std::shared_ptr<QString> m_state;
};

/// All that \a receive gives until it throws, and what that was.
inline QString receiveAll(ReceiveChannel<int> &receive)
{
    QStringList log;
    for (int i = 0; i < 20; ++i) {
        try {
            log += QString::number(await(receiveOne(receive, CancelScope())));
        } catch (...) {
            log += chainOf(std::current_exception());
            break;
        }
    }
    return log.join(QLatin1Char(' '));
}

/// The same in loop form: the end of the stream is "|".
inline QString nextAll(ReceiveChannel<int> &receive)
{
    QStringList log;
    const auto loop = [&]() -> QCoro::Task<> {
        CancelScope scope;
        while (auto item = co_await receive.next(scope))
            log += QString::number(*item);
        log += QStringLiteral("|");
    };
    try {
        await(loop());
    } catch (...) {
        log += chainOf(std::current_exception());
    }
    return log.join(QLatin1Char(' '));
}

enum class End { Close, LastCopyGone, Fail, ReceiverCloses, ReceiverFails };

struct EndName
{
    End end;
    const char *name;
};
inline constexpr EndName allEnds[] = {{End::Close, "close"},
                                      {End::LastCopyGone, "last copy gone"},
                                      {End::Fail, "fail"},
                                      {End::ReceiverCloses, "receiver closes"},
                                      {End::ReceiverFails, "receiver fails"}};

inline void apply(End end, Channel<int> &channel)
{
    switch (end) {
    case End::Close:
        QVERIFY(channel.send.close());
        break;
    case End::LastCopyGone:
        channel.send = SendChannel<int>();
        break;
    case End::Fail:
        QVERIFY(channel.send.fail(error("X")));
        break;
    case End::ReceiverCloses:
        QVERIFY(channel.receive.close());
        break;
    case End::ReceiverFails:
        QVERIFY(channel.receive.fail(error("X")));
        break;
    }
}

/// The data of a test with an end and what is expected of it.
inline void addEnds(const QMap<End, const char *> &expected)
{
    QTest::addColumn<int>("end");
    QTest::addColumn<QString>("expected");
    for (const auto &end : allEnds) {
        if (expected.contains(end.end))
            QTest::newRow(end.name) << int(end.end) << QString::fromLatin1(expected.value(end.end));
    }
}

} // namespace Tests
