// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/tasks/groupcore.h>

namespace MicroIO::Detail {

/// Until a group has no children.
class MICROIO_EXPORT JoinWait : public ListedWait
{
public:
    explicit JoinWait(ScopeRef scope, Ref<GroupCore> group, Mode mode = Mode::Cancellable);
    ~JoinWait() override;

    void await_resume() const { checkOutcome(); }
    const char *waitsFor() const override { return "end of a task group"; }

private:
    bool enter() override;
    void leave() override;

    const Ref<GroupCore> m_group;
};

/// The same by the group's own runner, which outlasts every cancellation.
class MICROIO_EXPORT GroupEndWait final : public JoinWait
{
public:
    explicit GroupEndWait(ScopeRef scope, Ref<GroupCore> group);
    ~GroupEndWait() override;
};

} // namespace MicroIO::Detail
