// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QThread>

#include <functional>
#include <future>
#include <utility>

namespace Tests {

/// A QThread that runs a function, with an event dispatcher but without an event loop of its own: use Tests::await() in
/// there. What the function wrote may be read after join(), ThreadSanitizer included.
class LoopThread : public QThread
{
public:
    explicit LoopThread(std::function<void()> function, uint stackSize = 0)
        : m_function(std::move(function))
        , m_done(m_promise.get_future())
    {
        setStackSize(stackSize);
        start();
    }
    ~LoopThread() override { join(); }

    void join()
    {
        m_done.wait();
        wait();
    }

protected:
    void run() override
    {
        m_function();
        m_promise.set_value();
    }

private:
    const std::function<void()> m_function;
    std::promise<void> m_promise;
    const std::future<void> m_done;
};

} // namespace Tests
