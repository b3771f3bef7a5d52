// SPDX-License-Identifier: Apache-2.0
#include "echoserver.h"

#include <QTcpServer>
#include <QTcpSocket>

#include <stdexcept>

using namespace MicroIO;

/// How much is kept of a client that sends and does not read.
static constexpr qint64 bufferLimit = 64 * 1024;

EchoServer::EchoServer(EchoAddress address, WorkCounter echoes)
    : LoopServiceThread(QStringLiteral("echo"))
    , m_address(std::move(address))
    , m_echoes(std::move(echoes))
{
}

QCoro::Task<> EchoServer::runAsync(CancelScope scope)
{
    auto *server = new QTcpServer(context()); // which closes it, and the sockets, in this thread
    QObject::connect(server, &QTcpServer::newConnection, server, [this, server] {
        while (auto *socket = server->nextPendingConnection())
            accept(socket);
    });
    listen(*server);
    reportStarted();
    co_await scope.cancelled();
}

void EchoServer::listen(QTcpServer &server)
{
    const quint16 port = m_address.port();
    if (!server.listen(QHostAddress::LocalHost, port)
        && (port == 0 || !server.listen(QHostAddress::LocalHost)))
        throw std::runtime_error("the echo server cannot listen: " + server.errorString().toStdString());
    m_address.setPort(server.serverPort());
}

void EchoServer::accept(QTcpSocket *socket)
{
    socket->setReadBufferSize(bufferLimit);
    QObject::connect(socket, &QTcpSocket::readyRead, socket, [this, socket] { echo(socket); });
    QObject::connect(socket, &QTcpSocket::bytesWritten, socket, [this, socket] { echo(socket); });
    QObject::connect(socket, &QTcpSocket::disconnected, socket, &QObject::deleteLater);
}

void EchoServer::echo(QTcpSocket *socket)
{
    if (socket->bytesAvailable() == 0 || socket->bytesToWrite() >= bufferLimit)
        return;
    const QByteArray bytes = socket->read(bufferLimit);
    socket->write(bytes);
    m_echoes.add(bytes.count('\n'));
}
