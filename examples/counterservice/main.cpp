// SPDX-License-Identifier: Apache-2.0
// A counter that lives in a service thread, asked through a channel and answered through a request registry.
//
//   counterservice demo            a short demonstration
//   counterservice "add 3" get     each argument is one operation
//   counterservice                 one operation a line from standard input
//
// Operations: add N, get, peek, sleep MS, fail, quit. Each is answered by one line, in input order.

#include "counter.h"

#include <MicroIO/Service>

#include <QCoreApplication>
#include <QTextStream>

#include <chrono>
#include <deque>
#include <iostream>
#include <optional>
#include <string>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

/// Answers operations in the order in which they came, many of them under way at once.
class Session
{
public:
    explicit Session(Counter &counter)
        : m_counter(counter)
    {
    }

    /// False after "quit".
    bool take(const QString &operation)
    {
        const QString word = operation.trimmed();
        if (word == QStringLiteral("quit")) {
            answerAll();
            answer(operation, [this] {
                m_counter.closeScope().throwIfClosed();
                return QStringLiteral("bye");
            });
            return false;
        }
        if (word == QStringLiteral("peek")) {
            answerAll(); // it overtakes the requests in the channel
            answer(operation, [this] { return QString::number(m_counter.peek()); });
            return true;
        }
        try {
            m_pending.emplace_back(operation, m_counter.ask(operation));
        } catch (const Error &) {
            answerAll();
            print(operation, failure(std::current_exception()));
        }
        if (m_pending.size() >= maximumUnderWay)
            answerAll();
        return true;
    }

    void answerAll()
    {
        for (; !m_pending.empty(); m_pending.pop_front()) {
            auto &[operation, reply] = m_pending.front();
            answer(operation, [&pending = reply] { return QString::number(pending.wait()); });
        }
        m_out.flush();
    }

private:
    static constexpr size_t maximumUnderWay = 1000;

    template<typename Ask>
    void answer(const QString &operation, Ask ask)
    {
        try {
            print(operation, ask());
        } catch (const std::exception &) {
            print(operation, failure(std::current_exception()));
        }
    }

    static QString failure(const std::exception_ptr &error)
    {
        return QStringLiteral("error: ") + describe(error);
    }

    void print(const QString &operation, const QString &text)
    {
        m_out << operation << QStringLiteral(" -> ") << text << Qt::endl;
    }

    Counter &m_counter;
    std::deque<std::pair<QString, PendingReply<quint64, qint64>>> m_pending;
    QTextStream m_out{stdout};
};

void readStandardInput(Session &session)
{
    std::string line;
    while (std::getline(std::cin, line)) {
        if (!session.take(QString::fromStdString(line)))
            return;
        // Somebody types: do not let them wait for the next line.
        if (std::cin.rdbuf()->in_avail() <= 0)
            session.answerAll();
    }
}

} // namespace

int main(int argc, char **argv)
{
    const QCoreApplication app(argc, argv);
    QStringList operations = app.arguments().mid(1);
    if (operations == QStringList{QStringLiteral("demo")}) {
        operations = {QStringLiteral("add 3"),    QStringLiteral("add 7"),      QStringLiteral("get"),
                      QStringLiteral("sleep 20"), QStringLiteral("frobnicate"), QStringLiteral("peek"),
                      QStringLiteral("get"),      QStringLiteral("quit")};
    }

    const auto counter = makeService<Counter>();
    counter->start();
    counter->waitStarted();

    Session session(*counter);
    if (operations.isEmpty()) {
        std::ios::sync_with_stdio(false);
        readStandardInput(session);
    } else {
        for (const QString &operation : std::as_const(operations)) {
            if (!session.take(operation))
                break;
        }
    }
    session.answerAll();

    counter->closeScope().close(QStringLiteral("end of input"));
    return counter->joinOrLog(QDeadlineTimer(5s)) ? 0 : 1;
}
