// SPDX-License-Identifier: Apache-2.0
#include "latestsearch.h"

#include <MicroIO/Timeouts>

using namespace MicroIO;

LatestSearch::LatestSearch(Search search, QObject *parent)
    : QObject(parent)
    , m_search(std::move(search))
{
    auto channel = createChannel<QString>();
    m_type = channel.send;
    m_typed = std::move(channel.receive);
    m_tasks.startSoon(QStringLiteral("search field"), &LatestSearch::follow, this);
}

void LatestSearch::type(const QString &text)
{
    m_type.sendNow(text);
}

QCoro::Task<> LatestSearch::follow(CancelScope scope)
{
    const auto typed = [this](CancelScope own) -> QCoro::Task<QString> {
        co_return co_await m_typed.receive(own);
    };
    QString text = co_await typed(scope);
    for (;;) {
        // The limit cancels the receive and loses nothing: what comes too late for it is there for the next one.
        while (auto newer = co_await moveOnAfter(scope, quiet, typed))
            text = *newer;
        const auto searching = m_tasks.startSoon(QStringLiteral("search"), &LatestSearch::search, this, text);
        text = co_await typed(scope);
        searching.cancel(QStringLiteral("something else was typed"));
    }
}

QCoro::Task<> LatestSearch::search(CancelScope scope, QString text)
{
    Q_EMIT began(text);
    QStringList paths;
    QString error;
    try {
        paths = co_await m_search(scope, text);
    } catch (const std::exception &) {
        error = describe(std::current_exception());
    }
    scope.throwIfCancelled(); // a result that was faster than its cancellation is of no use now
    if (error.isEmpty())
        Q_EMIT found(text, paths);
    else
        Q_EMIT failed(text, error);
}
