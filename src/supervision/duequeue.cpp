// SPDX-License-Identifier: Apache-2.0
#include "supervision/duequeue_p.h"

namespace MicroIO::Detail {

void DueQueue::set(quint64 id, Deadline due)
{
    const auto known = m_moments.find(id);
    if (known != m_moments.end()) {
        m_queue.erase({known->second, id});
        m_moments.erase(known);
    }
    if (due == Deadline::max())
        return;
    m_moments.emplace(id, due);
    m_queue.emplace(due, id);
}

Deadline DueQueue::earliest() const
{
    return m_queue.empty() ? Deadline::max() : m_queue.begin()->first;
}

std::optional<quint64> DueQueue::take(Deadline moment)
{
    if (earliest() > moment || m_queue.empty())
        return std::nullopt;
    const quint64 id = m_queue.begin()->second;
    remove(id);
    return id;
}

} // namespace MicroIO::Detail
