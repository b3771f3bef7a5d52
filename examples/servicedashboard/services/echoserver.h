// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "echoaddress.h"
#include "workcounter.h"

#include <MicroIO/LoopServiceThread>

class QTcpServer;
class QTcpSocket;

/// A TCP server on the loopback interface that sends back what it gets; counts lines.
class EchoServer : public MicroIO::LoopServiceThread
{
    Q_OBJECT

public:
    /// It writes its port to \a address, and takes that one again after a restart.
    EchoServer(EchoAddress address, WorkCounter echoes);

private:
    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override;
    void listen(QTcpServer &server);
    void accept(QTcpSocket *socket);
    void echo(QTcpSocket *socket);

    const EchoAddress m_address;
    const WorkCounter m_echoes;
};
