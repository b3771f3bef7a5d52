// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/scopes/foreignwait.h>

#include "loop/logging_p.h"
#include <MicroIO/Errors>

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

bool ForeignEvent::forget()
{
    const std::lock_guard lock(m_mutex);
    m_wait = nullptr;
    m_forgotten = true;
    return !m_happened;
}

void reportAbandoned(const std::exception_ptr &error)
{
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled &) {
        // no error
    } catch (...) {
        qCCritical(logScope).noquote()
            << "What was abandoned when its scope was cancelled has failed:" << describe(error);
    }
}

bool ForeignEvent::hasHappened() const
{
    const std::lock_guard lock(m_mutex);
    return m_happened;
}

} // namespace MicroIO::Detail
