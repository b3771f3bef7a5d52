// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/loop/wakes.h>
#include <MicroIO/scopes/scopedwait.h>

namespace MicroIO::Detail {

/// A wait that stands in the list of its source.
class MICROIO_EXPORT ListedWait : public ScopedWait
{
protected:
    using ScopedWait::ScopedWait;
    ~ListedWait() override;

private:
    friend class WaitList;

    ListedWait *m_previousListed = nullptr;
    ListedWait *m_nextListed = nullptr; // circular
};

/// Those who wait for one event. All functions are called with the source's lock held.
class MICROIO_EXPORT WaitList
{
public:
    bool isEmpty() const { return !m_first; }
    void add(ListedWait *wait);
    /// Nothing happens if \a wait is in no list.
    void remove(ListedWait *wait);
    /// Completes all; they stay in the list until they leave it.
    void completeAll(Wakes &wakes);
    ListedWait *first() const { return m_first; }

private:
    ListedWait *m_first = nullptr;
};

} // namespace MicroIO::Detail
