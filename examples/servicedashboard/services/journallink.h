// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Channel>

#include <QString>

#include <memory>
#include <mutex>

/// Leads to the journal, whichever instance of it there is; copies lead to the same one. Any thread.
class JournalLink
{
public:
    /// Never blocks; while there is no journal, the line is lost.
    void append(const QString &line) const;

    /// For the journal: from now on, lines go to \a lines, which has to drop those that are late.
    void connectTo(const MicroIO::SendChannel<QString> &lines) const;

private:
    struct State
    {
        std::mutex mutex;
        MicroIO::SendChannel<QString> lines; // guarded by mutex
    };
    std::shared_ptr<State> m_state = std::make_shared<State>();
};
