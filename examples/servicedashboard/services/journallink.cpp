// SPDX-License-Identifier: Apache-2.0
#include "journallink.h"

#include <utility>

using namespace MicroIO;

void JournalLink::append(const QString &line) const
{
    SendChannel<QString> lines;
    {
        const std::lock_guard lock(m_state->mutex);
        lines = m_state->lines;
    }
    if (!lines.isClosed())
        lines.sendNow(line);
}

void JournalLink::connectTo(const SendChannel<QString> &lines) const
{
    auto former = lines; // ends unlocked
    const std::lock_guard lock(m_state->mutex);
    std::swap(m_state->lines, former);
}
