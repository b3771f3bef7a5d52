// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QEvent>

namespace MicroIO::Detail {

class Scheduler;

/// A question to an event loop, which arrives there when the loop has nothing else to do. For tests.
class MICROIO_EXPORT LoopProbe : public QEvent
{
public:
    LoopProbe();
    ~LoopProbe() override;

    static Type eventType();

    /// On the loop's thread.
    virtual void arrived(Scheduler &scheduler) = 0;
};

} // namespace MicroIO::Detail
