// SPDX-License-Identifier: Apache-2.0
#include "loadgenerator.h"

#include <MicroIO/Clock>
#include <MicroIO/Timeouts>

#include <QHostAddress>
#include <QTcpSocket>

#include <stdexcept>

using namespace MicroIO;
using namespace std::chrono_literals;

LoadGenerator::LoadGenerator(EchoAddress address, WorkCounter answers)
    : LoopServiceThread(QStringLiteral("load"))
    , m_address(std::move(address))
    , m_answers(std::move(answers))
{
    watch(QStringLiteral("requests"), m_requests);
}

QCoro::Task<> LoadGenerator::runAsync(CancelScope scope)
{
    auto *socket = new QTcpSocket(context());
    auto connecting = connectToServer(scope, socket);
    co_await connecting;
    QObject::connect(socket, &QTcpSocket::readyRead, socket, [this, socket] { takeAnswers(socket); });
    reportStarted();
    for (int i = 0; i < 8; ++i)
        taskGroup().startSoon(&LoadGenerator::askForever, this, socket);
    co_await scope.cancellable(socket, &QTcpSocket::disconnected);
    throw std::runtime_error("the echo server has hung up");
}

QCoro::Task<> LoadGenerator::connectToServer(CancelScope scope, QTcpSocket *socket)
{
    // The server may be about to be restarted.
    const Deadline patience = now() + 1s;
    for (;;) {
        socket->connectToHost(QHostAddress(QHostAddress::LocalHost), m_address.port());
        while (socket->state() != QAbstractSocket::ConnectedState
               && socket->state() != QAbstractSocket::UnconnectedState) {
            co_await scope.cancellable(socket, &QTcpSocket::stateChanged);
        }
        if (socket->state() == QAbstractSocket::ConnectedState)
            co_return;
        if (now() >= patience)
            throw std::runtime_error("no connection to the echo server: "
                                     + socket->errorString().toStdString());
        co_await scope.sleep(100ms);
    }
}

QCoro::Task<> LoadGenerator::askForever(CancelScope scope, QTcpSocket *socket)
{
    for (;;) {
        const quint64 number = ++m_lastNumber;
        const QByteArray question = "what is " + QByteArray::number(number * number);
        const auto send = [&] {
            if (socket->state() == QAbstractSocket::ConnectedState) // else runAsync() is about to end us
                socket->write(QByteArray::number(number) + ' ' + question + '\n');
        };
        const auto ask = [&](CancelScope limited) { return m_requests.request(limited, number, send); };
        const QByteArray answer = co_await failAfter(scope, 5s, ask);
        if (answer != question)
            throw std::runtime_error("the echo server has changed what it was told");
        m_answers.add();
        co_await scope.sleep(10ms);
    }
}

void LoadGenerator::takeAnswers(QTcpSocket *socket)
{
    while (socket->canReadLine()) {
        const QByteArray line = socket->readLine().chopped(1);
        const auto blank = line.indexOf(' ');
        m_requests.resolve(line.left(blank).toULongLong(), line.mid(blank + 1));
    }
}
