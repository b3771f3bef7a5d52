// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/sync/permitcore.h>

#include <utility>

namespace MicroIO::Detail {

PermitCore::PermitCore(qsizetype permits, const char *what)
    : m_what(what)
    , m_available(permits)
{
}

PermitCore::~PermitCore() = default;

bool PermitCore::tryTake()
{
    const std::lock_guard lock(m_mutex);
    if (m_available == 0)
        return false;
    --m_available;
    return true;
}

void PermitCore::giveBack()
{
    Wakes wakes;
    const std::lock_guard lock(m_mutex);
    while (auto *wait = static_cast<AcquireWait *>(m_waits.first())) {
        m_waits.remove(wait);
        // One that was cancelled, or whose loop has ended, is passed over.
        if (wait->completeReady(&wakes)) {
            wait->m_hasPermit = true;
            return;
        }
    }
    ++m_available;
}

void PermitCore::close()
{
    Wakes wakes;
    const std::lock_guard lock(m_mutex);
    m_isClosed = true;
    m_waits.completeAll(wakes);
}

qsizetype PermitCore::available() const
{
    const std::lock_guard lock(m_mutex);
    return m_available;
}

AcquireWait::AcquireWait(ScopeRef scope, std::shared_ptr<PermitCore> core)
    : ListedWait(std::move(scope))
    , m_core(std::move(core))
{
}

AcquireWait::~AcquireWait()
{
    if (m_hasPermit)
        m_core->giveBack();
}

bool AcquireWait::enter()
{
    const std::lock_guard lock(m_core->m_mutex);
    if (m_core->m_isClosed)
        return true;
    if (m_core->m_available > 0) {
        --m_core->m_available;
        m_hasPermit = true;
        return true;
    }
    m_core->m_waits.add(this);
    return false;
}

/// Who has to wait does so at once, in the order in which they come, also where the slice of this turn is used up.
bool AcquireWait::mayBeReadyAtOnce() const
{
    const std::lock_guard lock(m_core->m_mutex);
    return m_core->m_isClosed || m_core->m_available > 0;
}

void AcquireWait::leave()
{
    const std::lock_guard lock(m_core->m_mutex);
    m_core->m_waits.remove(this);
}

AsyncGuard AcquireWait::await_resume()
{
    checkOutcome();
    if (!std::exchange(m_hasPermit, false))
        throw BrokenResourceError(QStringLiteral("the %1 was destroyed while it was waited for")
                                      .arg(QLatin1String(m_core->m_what)));
    return AsyncGuard(m_core);
}

} // namespace MicroIO::Detail
