// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/TaskGroup>

#include <stdexcept>

namespace MicroIO {

namespace Detail {

JoinWait::JoinWait(ScopeRef scope, Ref<GroupCore> group, Mode mode)
    : ListedWait(std::move(scope), mode)
    , m_group(std::move(group))
{
}

JoinWait::~JoinWait() = default;

GroupEndWait::GroupEndWait(ScopeRef scope, Ref<GroupCore> group)
    : JoinWait(std::move(scope), std::move(group), Mode::WaitsForChildren)
{
}

GroupEndWait::~GroupEndWait() = default;

bool JoinWait::enter()
{
    return m_group->addJoin(this);
}

void JoinWait::leave()
{
    m_group->removeJoin(this);
}

bool JoinWait::finish()
{
    return m_group->size() == 0; // or more were started since
}

bool GroupEndWait::enter()
{
    return group().closeIfEmpty() || JoinWait::enter();
}

bool GroupEndWait::finish()
{
    return group().closeIfEmpty();
}

Ref<GroupCore> groupOf(QObject *owner)
{
    if (!owner)
        throw std::invalid_argument("TaskGroup(nullptr): pass the object that the group belongs to");
    return Ref<GroupCore>::adopt(new GroupCore(owner));
}

} // namespace Detail

TaskGroup::TaskGroup(QObject *owner)
    : GroupAccess(Detail::groupOf(owner))
{
}

TaskGroup::TaskGroup(const CancelScope &scope)
    : GroupAccess(Detail::Ref<Detail::GroupCore>::adopt(new Detail::GroupCore(scope.state().get())))
{
}

TaskGroup::~TaskGroup()
{
    core()->destroy();
}

Subscription TaskGroup::onError(QObject *context, std::function<void(std::exception_ptr)> callback) const
{
    return core()->onError(context, std::move(callback));
}

} // namespace MicroIO
