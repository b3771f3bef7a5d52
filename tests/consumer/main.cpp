// SPDX-License-Identifier: Apache-2.0
// A service that doubles numbers, and a coroutine of the main thread that asks it for several at once.
#include <MicroIO/MicroIO>
#include <MicroIO/Version>

#include <QCoreApplication>
#include <QCoroTask>
#include <QString>

#include <chrono>
#include <cstdio>
#include <exception>

using namespace std::chrono_literals;

class Doubler : public MicroIO::LoopServiceThread
{
public:
    Doubler()
        : LoopServiceThread(QStringLiteral("doubler"))
    {
        auto channel = MicroIO::createChannel<Question>();
        m_send = channel.send;
        m_receive = std::move(channel.receive);
        m_registry.bindTo(closeScope());
    }

    QCoro::Task<int> twice(MicroIO::CancelScope scope, int number)
    {
        co_return co_await m_registry.request(scope, number,
                                              [this](const Question &question) { m_send.sendNow(question); });
    }

private:
    using Question = MicroIO::ReplyHandle<int, int>;

    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override
    {
        m_receive.bind();
        reportStarted();
        while (auto question = co_await m_receive.next(scope))
            question->resolve(2 * question->key());
    }

    MicroIO::RequestRegistry<int, int> m_registry;
    MicroIO::SendChannel<Question> m_send;
    MicroIO::ReceiveChannel<Question> m_receive;
};

/// 2 * (1 + … + count), or an error after ten seconds.
static QCoro::Task<int> sumOfDoubles(Doubler &doubler, int count)
{
    MicroIO::CancelScope root;
    int sum = 0;
    const auto askAll = [&](MicroIO::CancelScope scope) -> QCoro::Task<> {
        auto answers = MicroIO::createChannel<int>();
        co_await MicroIO::withTaskGroup(scope, [&](MicroIO::TaskGroup &group) -> QCoro::Task<> {
            for (int number = 1; number <= count; ++number) {
                group.startSoon([&, number](MicroIO::CancelScope child) -> QCoro::Task<> {
                    const int answer = co_await doubler.twice(child, number);
                    answers.send.sendNow(answer);
                });
            }
            co_return;
        });
        answers.send.close();
        while (const auto answer = co_await answers.receive.next(scope))
            sum += *answer;
    };
    co_await MicroIO::failAfter(root, 10s, askAll);
    co_return sum;
}

int main(int argc, char **argv)
{
    const QCoreApplication app(argc, argv);
    std::printf("MicroIO %s\n", qPrintable(MicroIO::version()));
    if (MicroIO::version() != QLatin1String(MICROIO_VERSION_STR)) {
        std::fprintf(stderr, "built with the headers of %s\n", MICROIO_VERSION_STR);
        return 1;
    }
    try {
        const auto doubler = MicroIO::makeService<Doubler>();
        doubler->start();
        doubler->waitStarted(10s);
        const int sum = QCoro::waitFor(sumOfDoubles(*doubler, 100));
        if (sum != 10'100) {
            std::fprintf(stderr, "the sum is %d\n", sum);
            return 1;
        }
        doubler->stop();
        if (!doubler->joinOrLog(10s))
            return 1;
    } catch (const std::exception &) {
        std::fprintf(stderr, "%s\n", qPrintable(MicroIO::describe(std::current_exception())));
        return 1;
    }
    std::puts("ok");
    return 0;
}
