// SPDX-License-Identifier: Apache-2.0
#include "tasks/taskerror_p.h"

#include <MicroIO/Errors>

namespace MicroIO::Detail {

// QCoro gives out what a coroutine threw only by throwing it again, which doubles the cost of cancelling a task.
// Access is not checked in explicit instantiations ([temp.spec]); where QCoro has another member, or the
// standard library does not tell the type of a stored exception, it is thrown again after all.
#ifdef MICROIO_PEEK_AT_QCORO

namespace {

using Promise = QCoro::detail::TaskPromise<void>;

std::exception_ptr &storedException(Promise &promise);

template<std::exception_ptr Promise::*member>
struct Expose
{
    friend std::exception_ptr &storedException(Promise &promise) { return promise.*member; }
};
template struct Expose<&Promise::mException>;

/// Leads from an awaiter to the coroutine.
struct Awaiter : QCoro::detail::TaskAwaiterBase<Promise>
{
    static auto coroutine(QCoro::detail::TaskAwaiterBase<Promise> &awaiter)
    {
        return awaiter.*&Awaiter::mAwaitedCoroutine;
    }
};

} // namespace

std::exception_ptr errorOf(const QCoro::Task<void> &task)
{
    auto awaiter = task.operator co_await();
    return storedException(Awaiter::coroutine(awaiter).promise());
}

#else

std::exception_ptr errorOf(const QCoro::Task<void> &task)
{
    try {
        task.operator co_await().await_resume();
        return {};
    } catch (...) {
        return std::current_exception();
    }
}

#endif

bool isCancelledError(const std::exception_ptr &error)
{
#ifdef __GLIBCXX__
    // Without throwing it once more, which is what a cancellation costs; only what an heir may be is thrown.
    if (!error || *error.__cxa_exception_type() == typeid(Cancelled))
        return bool(error);
#endif
    try {
        if (error)
            std::rethrow_exception(error);
    } catch (const Cancelled &) {
        return true;
    } catch (...) {
    }
    return false;
}

} // namespace MicroIO::Detail
