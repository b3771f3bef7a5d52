// SPDX-License-Identifier: Apache-2.0
#include "../shared/messagelog.h"

#include <MicroIO/CancelScope>
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>

#include <QTcpServer>
#include <QTcpSocket>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

/// Sends back what it gets, by signals and slots in its own thread and by a coroutine a connection.
class EchoService : public LoopServiceThread
{
public:
    EchoService()
        : LoopServiceThread(QStringLiteral("echo"))
    {
    }

    quint16 port() const { return m_port; }
    int connections() const { return m_connections; }
    /// Sockets that were destroyed on another thread.
    int strays() const { return m_strays; }

private:
    QCoro::Task<> runAsync(CancelScope scope) override
    {
        auto *server = new QTcpServer(context()); // closed in this thread, behind the last coroutine
        if (!server->listen(QHostAddress::LocalHost))
            throw std::runtime_error("no port");
        m_port = server->serverPort();
        QObject::connect(server, &QTcpServer::newConnection, server, [this, server] {
            while (auto *socket = server->nextPendingConnection()) {
                ++m_connections;
                QObject::connect(socket, &QObject::destroyed, socket, [this] {
                    m_strays += QThread::currentThread() != this;
                    --m_connections;
                });
                taskGroup().startSoon(&EchoService::serve, this, socket);
            }
        });
        reportStarted();
        co_await scope.cancelled();
    }

    QCoro::Task<> serve(CancelScope scope, QTcpSocket *socket)
    {
        for (;;) {
            co_await scope.cancellable(socket, &QTcpSocket::readyRead);
            socket->write(socket->readAll());
        }
    }

    std::atomic<quint16> m_port = 0;
    std::atomic<int> m_connections = 0;
    std::atomic<int> m_strays = 0;
};

} // namespace

/// A service that owns a server and its connections, stopped while they are busy.
class tst_TcpService : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init() { m_log.emplace(); }
    void cleanup() { QCOMPARE(m_log->take(), QStringList()); }

    void stoppedInMidTraffic();

private:
    std::optional<Tests::MessageLog> m_log;
};

void tst_TcpService::stoppedInMidTraffic()
{
    constexpr int clients = 200;
    const auto service = makeService<EchoService>();
    service->start();
    service->waitStarted();

    int echoed = 0;
    int disconnected = 0;
    std::vector<std::unique_ptr<QTcpSocket>> sockets;
    for (int i = 0; i < clients; ++i) {
        auto socket = std::make_unique<QTcpSocket>();
        connect(socket.get(), &QTcpSocket::connected, this,
                [raw = socket.get()] { raw->write(QByteArray(1'000, 'x')); });
        connect(socket.get(), &QTcpSocket::readyRead, this, [&echoed, raw = socket.get()] {
            ++echoed;
            raw->write(raw->readAll()); // for ever to and fro
        });
        connect(socket.get(), &QTcpSocket::disconnected, this, [&disconnected] { ++disconnected; });
        socket->connectToHost(QHostAddress(QHostAddress::LocalHost), service->port());
        sockets.push_back(std::move(socket));
    }
    QTRY_COMPARE_WITH_TIMEOUT(service->connections(), clients, 30'000);
    QTRY_VERIFY_WITH_TIMEOUT(echoed > 10 * clients, 30'000);

    service->stop();
    QVERIFY(service->joinOrLog(QDeadlineTimer(30s)));
    QCOMPARE(service->state(), ServiceThread::State::Stopped);
    QCOMPARE(service->connections(), 0); // closed and destroyed with the service
    QCOMPARE(service->strays(), 0);
    QTRY_COMPARE_WITH_TIMEOUT(disconnected, clients, 30'000);
}

QTEST_GUILESS_MAIN(tst_TcpService)

#include "tst_tcpservice.moc"
