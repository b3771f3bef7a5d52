// SPDX-License-Identifier: Apache-2.0
// The example of microio's README, line by line.

#include <MicroIO/Channel>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>

#include <QCoreApplication>

#include <cstdio>

using namespace MicroIO;

class Worker : public LoopServiceThread
{
public:
    Worker()
        : LoopServiceThread(QStringLiteral("worker"))
    {
        auto [send_, receive_] = createChannel<QString>();
        send = send_;
        receive = std::move(receive_);
    }

    SendChannel<QString> send;

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        receive.bind();
        reportStarted();
        while (auto item = co_await receive.next(scope)) {
            if (*item == QStringLiteral("stop")) {
                stop();
                break;
            }
            std::puts(qPrintable(*item));
        }
    }

    ReceiveChannel<QString> receive;
};

int main(int argc, char **argv)
{
    const QCoreApplication app(argc, argv);

    const auto worker = makeService<Worker>();
    worker->start();
    worker->waitStarted();
    worker->send.sendNow(QStringLiteral("hello"));
    worker->send.sendNow(QStringLiteral("stop"));
    return worker->joinOrLog(std::chrono::seconds(1)) ? 0 : 1;
}
