// SPDX-License-Identifier: Apache-2.0
#include "counter.h"

#include <QStringList>
#include <QtNumeric>

#include <chrono>
#include <stdexcept>

using namespace MicroIO;

namespace {

struct UnknownOperation : std::runtime_error
{
    explicit UnknownOperation(const QString &operation)
        : std::runtime_error("unknown operation: " + operation.toStdString())
    {
    }
};

struct Killed : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

qint64 number(const QString &text)
{
    bool isNumber = false;
    const qint64 value = text.toLongLong(&isNumber);
    if (!isNumber)
        throw std::invalid_argument("not a number: " + text.toStdString());
    return value;
}

} // namespace

Counter::Counter()
    : LoopServiceThread(QStringLiteral("counter"))
{
    // A request that comes too late is dropped: the registry, which ends with the service, has answered it by then.
    auto channel = createChannel<Request>({.lateSend = LateSend::Drop});
    m_send = channel.send;
    m_receive = std::move(channel.receive);
    m_registry.bindTo(closeScope());
}

PendingReply<quint64, qint64> Counter::ask(const QString &operation)
{
    auto pending = m_registry.expect();
    m_send.sendNow(Request(operation, pending.handle()));
    return pending;
}

qint64 Counter::peek()
{
    return callSync([this] { return m_value; });
}

QCoro::Task<> Counter::runAsync(CancelScope scope)
{
    m_receive.bind();
    reportStarted();
    while (auto request = co_await m_receive.next(scope)) {
        // A failure of one operation is its answer; only the operation "fail" is a failure of the service.
        auto handled = handle(std::move(*request), scope);
        co_await handled;
    }
}

QCoro::Task<> Counter::handle(Request request, CancelScope scope)
{
    try {
        const QStringList words = request.operation.split(QLatin1Char(' '), Qt::SkipEmptyParts);
        const QString verb = words.value(0);
        const bool hasArgument = words.size() == 2;
        if (verb == QStringLiteral("add") && hasArgument) {
            qint64 sum = 0;
            if (qAddOverflow(m_value, number(words.at(1)), &sum))
                throw std::overflow_error("the counter cannot hold the sum");
            m_value = sum;
        } else if (verb == QStringLiteral("sleep") && hasArgument) {
            co_await scope.sleep(std::chrono::milliseconds(number(words.at(1))));
        } else if (verb == QStringLiteral("fail") && words.size() == 1) {
            throw Killed("the counter was told to fail");
        } else if (verb != QStringLiteral("get") || words.size() != 1) {
            throw UnknownOperation(request.operation);
        }
        request.reply.resolve(m_value);
    } catch (const Killed &) {
        // Answered by the end of the service: who has the answer finds the service ended.
        m_killing = request.reply;
        throw;
    } catch (const std::exception &) {
        request.reply.fail(std::current_exception());
    }
}
