// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/scopes/waitlist.h>

#include "scopes/circularlist_p.h"

namespace MicroIO::Detail {

ListedWait::~ListedWait() = default;

void WaitList::add(ListedWait *wait)
{
    appendCircular(m_first, wait, &ListedWait::m_previousListed, &ListedWait::m_nextListed);
}

void WaitList::remove(ListedWait *wait)
{
    removeCircular(m_first, wait, &ListedWait::m_previousListed, &ListedWait::m_nextListed);
}

void WaitList::completeAll(Wakes &wakes)
{
    ListedWait *wait = m_first;
    if (!wait)
        return;
    do {
        wait->completeReady(&wakes);
        wait = wait->m_nextListed;
    } while (wait != m_first);
}

} // namespace MicroIO::Detail
