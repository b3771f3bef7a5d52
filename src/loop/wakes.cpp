// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/loop/wakes.h>

#include "loop/inbox_p.h"

#include <utility>

namespace MicroIO::Detail {

void Wakes::add(std::shared_ptr<Inbox> inbox)
{
    if (!m_first)
        m_first = std::move(inbox);
    else if (inbox != (m_others.empty() ? m_first : m_others.back()))
        m_others.push_back(std::move(inbox));
}

void Wakes::wakeAll()
{
    if (const auto first = std::exchange(m_first, nullptr))
        first->wakeForItems();
    for (const auto &inbox : std::exchange(m_others, {}))
        inbox->wakeForItems();
}

} // namespace MicroIO::Detail
