// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/tasks/groupcore.h>

#include "loop/inbox_p.h"
#include "loop/logging_p.h"
#include "loop/scheduler_p.h"
#include "tasks/taskerror_p.h"
#include <MicroIO/Errors>

#include <stdexcept>

namespace MicroIO::Detail {

/// The smallest coroutine: it is suspended until somebody resumes it, is gone, and tells the task. Its frame
/// lies in the task.
struct TaskCore::EndReporter
{
    struct promise_type
    {
        explicit promise_type(TaskCore *t)
            : task(t)
        {
        }

        struct Tell
        {
            bool await_ready() noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> self) noexcept
            {
                TaskCore *ended = self.promise().task;
                self.destroy();
                ended->bodyEnded();
            }
            void await_resume() noexcept {}
        };

        EndReporter get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        Tell final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { Q_UNREACHABLE(); } // its body does nothing

        static void *operator new(size_t size, TaskCore *task)
        {
            return size <= sizeof(task->m_reporterFrame) ? task->m_reporterFrame : ::operator new(size);
        }
        static void operator delete(void *frame, size_t size)
        {
            if (size > sizeof(m_reporterFrame))
                ::operator delete(frame);
        }

        TaskCore *const task;
    };

    std::coroutine_handle<> coroutine;
};

TaskCore::EndReporter TaskCore::reportEnd(TaskCore *)
{
    co_return;
}

TaskCore::TaskCore(GroupCore &group)
    : ScopeState(Kind::Task, &group)
    , m_number(group.nextNumber())
{
}

TaskCore::~TaskCore() = default;

GroupCore &TaskCore::group() const
{
    return *static_cast<GroupCore *>(parent());
}

void TaskCore::setName(const QString &name)
{
    m_name = std::make_unique<QString>(name);
}

QString TaskCore::displayName() const
{
    return m_name ? *m_name : QStringLiteral("task %1").arg(m_number);
}

ReadyItem *TaskCore::queuedHere()
{
    const auto *inbox = group().inbox();
    return inbox && inbox->isHere() && isQueued() ? this : nullptr;
}

std::coroutine_handle<> TaskCore::makeEndReporter()
{
    return reportEnd(this).coroutine;
}

void TaskCore::run()
{
    if (m_stage.load(std::memory_order_relaxed) == Stage::Ended) {
        settle(true);
        return;
    }
    if (isDoomed()) {
        settle(false);
        return;
    }
    m_stage.store(Stage::Running, std::memory_order_release);
    try {
        if (begin())
            settle(true);
    } catch (...) {
        // The function threw before it was a coroutine, or is none.
        m_error = std::current_exception();
        settle(true);
    }
}

void TaskCore::discard()
{
    settle(m_stage.load(std::memory_order_relaxed) == Stage::Ended);
}

void TaskCore::bodyEnded()
{
    m_stage.store(Stage::Ended, std::memory_order_release);
    auto *inbox = group().inbox();
    if (inbox->isHere())
        Scheduler::currentOrNull()->enqueueAtOnce(this);
    else if (!inbox->post(this))
        settle(true); // its loop has ended, and a foreign thread has resumed it
}

void TaskCore::settle(bool hasBegun)
{
    const auto self = Ref<TaskCore>::adopt(this); // the reference that adopt() took
    if (!m_error && hasBegun)
        m_error = collect();
    if (!hasBegun) {
        m_end = End::NotBegun;
    } else if (isCancelledError(m_error)) {
        m_end = End::Cancelled;
        m_error = nullptr;
    } else if (m_error) {
        m_end = End::Failed;
    }
    cleanUp();
    const bool isGroups = !divert(m_end, m_error) && m_end == End::Failed;
    group().taskSettled(*this, isGroups ? m_error : std::exception_ptr());
}

bool TaskCore::divert(End, const std::exception_ptr &)
{
    return false;
}

bool TaskCore::addResultWait(ListedWait *wait)
{
    return locked([&] {
        if (isSettled())
            return true;
        m_resultWaits.add(wait);
        return false;
    });
}

void TaskCore::removeResultWait(ListedWait *wait)
{
    locked([&] { m_resultWaits.remove(wait); });
}

void TaskCore::throwUnlessValue() const
{
    switch (m_end) {
    case End::Value:
        return;
    case End::Failed:
        std::rethrow_exception(m_error);
    case End::Cancelled:
        throw TaskCancelledError(QStringLiteral("%1 was cancelled: %2").arg(name(), reason()));
    case End::NotBegun:
        throw TaskCancelledError(QStringLiteral("%1 was cancelled before it began").arg(name()));
    }
    Q_UNREACHABLE();
}

void TaskCore::throwTaken() const
{
    throw std::logic_error(qPrintable(
        QStringLiteral("the result of %1 cannot be copied and was taken already: await it once, and "
                       "share it from there")
            .arg(name())));
}

} // namespace MicroIO::Detail
