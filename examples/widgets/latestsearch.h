// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Channel>
#include <MicroIO/TaskGroup>

#include <QCoroTask>
#include <QObject>
#include <QStringList>

#include <chrono>
#include <functional>

/// Searches for what was typed last: begins when nobody has typed for a moment, and cancels a search that is still under way
/// when somebody types again.
class LatestSearch : public QObject
{
    Q_OBJECT

public:
    using Search = std::function<QCoro::Task<QStringList>(MicroIO::CancelScope, QString text)>;

    /// So long nobody must have typed.
    static constexpr std::chrono::milliseconds quiet{200};

    explicit LatestSearch(Search search, QObject *parent = nullptr);

    void type(const QString &text);

Q_SIGNALS:
    void began(const QString &text);
    /// Never of a search for something that is no longer what was typed last.
    void found(const QString &text, const QStringList &paths);
    void failed(const QString &text, const QString &error);

private:
    QCoro::Task<> follow(MicroIO::CancelScope scope);
    QCoro::Task<> search(MicroIO::CancelScope scope, QString text);

    const Search m_search;
    MicroIO::SendChannel<QString> m_type;
    MicroIO::ReceiveChannel<QString> m_typed;
    MicroIO::TaskGroup m_tasks{this}; // the last member
};
