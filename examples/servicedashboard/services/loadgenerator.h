// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "echoaddress.h"
#include "workcounter.h"

#include <MicroIO/LoopServiceThread>
#include <MicroIO/RequestRegistry>

#include <QByteArray>

class QTcpSocket;

/// Keeps the echo server busy: several requests at a time over one connection, matched with their answers by number;
/// counts the answers. It fails when the connection is lost, and when an answer is wrong or does not come.
class LoadGenerator : public MicroIO::LoopServiceThread
{
    Q_OBJECT

public:
    LoadGenerator(EchoAddress address, WorkCounter answers);

private:
    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override;
    QCoro::Task<> connectToServer(MicroIO::CancelScope scope, QTcpSocket *socket);
    QCoro::Task<> askForever(MicroIO::CancelScope scope, QTcpSocket *socket);
    void takeAnswers(QTcpSocket *socket);

    const EchoAddress m_address;
    const WorkCounter m_answers;
    MicroIO::RequestRegistry<quint64, QByteArray> m_requests;
    quint64 m_lastNumber = 0; // of the service's thread
};
