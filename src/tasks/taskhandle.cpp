// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/tasks/taskhandle.h>

namespace MicroIO::Detail {

ResultWaitBase::ResultWaitBase(ScopeRef scope, TaskCore &task)
    : ListedWait(std::move(scope))
    , m_task(task)
{
}

ResultWaitBase::~ResultWaitBase() = default;

bool ResultWaitBase::enter()
{
    return m_task.addResultWait(this);
}

void ResultWaitBase::leave()
{
    m_task.removeResultWait(this);
}

} // namespace MicroIO::Detail
