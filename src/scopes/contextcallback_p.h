// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Subscription>

#include <QMetaObject>

#include <mutex>

namespace MicroIO::Detail {

/// Calls a function on the thread of a QObject, by that thread's scheduler, as long as the object lives.
class MICROIO_EXPORT ContextCallback : public std::enable_shared_from_this<ContextCallback>
{
public:
    using Function = std::function<void(const std::exception_ptr &)>;

    /// Throws std::invalid_argument without a context or a function.
    static std::shared_ptr<ContextCallback> create(QObject *context, Function function);
    ~ContextCallback();

    /// Queues a call; false if there is nobody to call. Any thread, with no lock held that the scheduler takes.
    bool fire(const std::exception_ptr &error = {});

    bool disconnect();
    bool isActive() const;

    /// \a release is called once, when the callback is disconnected.
    Subscription subscription(std::function<void()> release);

private:
    class Delivery;

    ContextCallback() = default;
    void call(const std::exception_ptr &error);

    mutable std::mutex m_mutex;
    QObject *m_context = nullptr; // guarded by m_mutex; null once disconnected
    std::shared_ptr<Function> m_function; // guarded by m_mutex
    std::function<void()> m_release; // guarded by m_mutex
    QMetaObject::Connection m_contextDestroyed;
};

} // namespace MicroIO::Detail
