// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/tasks/taskstart.h>

namespace MicroIO::Detail {

StartLink::StartLink(const CancelScope &caller, const Ref<TaskCore> &child,
                     const std::shared_ptr<StartCore> &start)
    : m_caller(caller)
    , m_start(start)
    , m_listener(caller.state()->addListener([child, start, caller] {
        // Once it is ready it is on its own.
        if (start->isStarting())
            child->cancel(caller.reason());
    }))
{
}

StartLink::~StartLink()
{
    m_start->forget();
    m_caller.state()->removeListener(m_listener);
}

} // namespace MicroIO::Detail
