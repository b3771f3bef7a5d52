// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/scopes/foreignwait.h>

namespace MicroIO::Detail {

bool ForeignEvent::attach(Suspension *wait)
{
    const std::lock_guard lock(m_mutex);
    if (m_happened)
        return true;
    m_wait = wait;
    return false;
}

void ForeignEvent::detach()
{
    const std::lock_guard lock(m_mutex);
    m_wait = nullptr;
}

void ForeignEvent::forget()
{
    const std::lock_guard lock(m_mutex);
    m_wait = nullptr;
    m_forgotten = true;
}

bool ForeignEvent::hasHappened() const
{
    const std::lock_guard lock(m_mutex);
    return m_happened;
}

} // namespace MicroIO::Detail
