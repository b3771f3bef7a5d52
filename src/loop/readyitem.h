// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QtGlobal>

namespace MicroIO::Detail {

class ReadyQueue;

/// A place in a circular list; the list's head is such a link too, so that unlinking needs no head.
struct ReadyLink
{
    ReadyLink *previous = nullptr;
    ReadyLink *next = nullptr;
};

/// Something that a scheduler runs once, on its own thread, from the event loop. The links belong to the
/// queue that the item stands in: at most one at a time, touched by the scheduler's thread alone.
class MICROIO_EXPORT ReadyItem : private ReadyLink
{
public:
    Q_DISABLE_COPY_MOVE(ReadyItem)

    /// Called by the scheduler, once, the item being in no queue any more; it may delete the item.
    virtual void run() = 0;

    /// Called instead of run() when the loop ends before the item had its turn.
    virtual void discard() = 0;

    /// For what belongs to a task group that is being destroyed: the identity of its tree of scopes. It goes before
    /// all others.
    virtual const void *doomedTree() const;

    bool isQueued() const { return next != nullptr; }

protected:
    ReadyItem() = default;
    virtual ~ReadyItem();

private:
    friend class ReadyQueue;
};

} // namespace MicroIO::Detail
