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

protected:
    GroupCore &group() const { return *m_group; }
    bool enter() override;
    bool finish() override;

private:
    void leave() override;

    const Ref<GroupCore> m_group;
};

/// The same by the group's own runner, which outlasts every cancellation. It leaves the group closed.
class MICROIO_EXPORT GroupEndWait final : public JoinWait
{
public:
    explicit GroupEndWait(ScopeRef scope, Ref<GroupCore> group);
    ~GroupEndWait() override;

private:
    bool enter() override;
    bool finish() override;
};

} // namespace MicroIO::Detail
