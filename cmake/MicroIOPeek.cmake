# SPDX-License-Identifier: Apache-2.0
#
# MICROIO_PEEK_AT_QCORO: whether the exception of a QCoro task that has ended can be had without throwing it. See
# src/tasks/taskerror.cpp.
include(CheckCXXSourceCompiles)

function(microio_check_peek)
    set(CMAKE_REQUIRED_LIBRARIES Qt6::Core QCoro6::Core)
    set(CMAKE_CXX_STANDARD 20)
    set(CMAKE_CXX_STANDARD_REQUIRED ON)
    set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
    check_cxx_source_compiles("
        #include <QCoroTask>
        using Promise = QCoro::detail::TaskPromise<void>;
        std::exception_ptr &stored(Promise &promise);
        template<std::exception_ptr Promise::*member>
        struct Expose { friend std::exception_ptr &stored(Promise &promise) { return promise.*member; } };
        template struct Expose<&Promise::mException>;
        struct Awaiter : QCoro::detail::TaskAwaiterBase<Promise> {
            static auto coroutine(QCoro::detail::TaskAwaiterBase<Promise> &awaiter)
            { return awaiter.*&Awaiter::mAwaitedCoroutine; }
        };
        bool peek(const QCoro::Task<void> &task)
        {
            auto awaiter = task.operator co_await();
            return bool(stored(Awaiter::coroutine(awaiter).promise()));
        }" MICROIO_PEEK_AT_QCORO)
endfunction()
microio_check_peek()
