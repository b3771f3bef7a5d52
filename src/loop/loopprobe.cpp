// SPDX-License-Identifier: Apache-2.0
#include "loop/loopprobe_p.h"

namespace MicroIO::Detail {

LoopProbe::LoopProbe()
    : QEvent(eventType())
{
}

LoopProbe::~LoopProbe() = default;

QEvent::Type LoopProbe::eventType()
{
    static const auto type = Type(registerEventType());
    return type;
}

} // namespace MicroIO::Detail
