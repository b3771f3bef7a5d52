// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "journallink.h"
#include "workcounter.h"

#include <MicroIO/Channel>
#include <MicroIO/CloseScope>
#include <MicroIO/LoopServiceThread>

#include <chrono>

/// Writes the lines that the others send it to a file; counts them. It can be frozen: its event loop answers nobody then,
/// and what is queued grows until its supervisor replaces it.
class Journal : public MicroIO::LoopServiceThread
{
    Q_OBJECT

public:
    Journal(const QString &fileName, const JournalLink &link, WorkCounter lines);

    /// Blocks its thread until \a thaw is closed, but no longer than \a limit, whoever asks it to stop. Any thread.
    void freeze(const MicroIO::CloseScope &thaw, std::chrono::milliseconds limit);

private:
    QCoro::Task<> runAsync(MicroIO::CancelScope scope) override;

    const QString m_fileName;
    const WorkCounter m_lines;
    MicroIO::ReceiveChannel<QString> m_receive;
};
