// SPDX-License-Identifier: Apache-2.0
#include "scopes/contextcallback_p.h"

#include "loop/inbox_p.h"
#include "loop/logging_p.h"
#include <MicroIO/Errors>

#include <QObject>
#include <QThread>

namespace MicroIO {

namespace Detail {

namespace {

/// The loop or the context that was to hear of it has gone meanwhile.
void reportUnheard(const std::exception_ptr &error)
{
    if (error)
        qCCritical(logTask).noquote()
            << "An error came too late for who was to hear of it:" << describe(error);
}

} // namespace

/// One call on its way to the context's thread.
class ContextCallback::Delivery final : public ReadyItem
{
public:
    Delivery(std::shared_ptr<ContextCallback> callback, std::exception_ptr error)
        : m_callback(std::move(callback))
        , m_error(std::move(error))
    {
    }

    void run() override
    {
        const std::unique_ptr<Delivery> self(this);
        m_callback->call(m_error);
    }

    void discard() override
    {
        const std::unique_ptr<Delivery> self(this);
        reportUnheard(m_error);
    }

private:
    const std::shared_ptr<ContextCallback> m_callback;
    const std::exception_ptr m_error;
};

std::shared_ptr<ContextCallback> ContextCallback::create(QObject *context, Function function)
{
    if (!context)
        throw std::invalid_argument(
            "a callback without a context object; pass the object whose thread is to run it");
    if (!function)
        throw std::invalid_argument("an empty callback");
    std::shared_ptr<ContextCallback> callback(new ContextCallback);
    callback->m_context = context;
    callback->m_function = std::make_shared<Function>(std::move(function));
    callback->m_contextDestroyed = QObject::connect(
        context, &QObject::destroyed, context,
        [weak = std::weak_ptr(callback)] {
            if (const auto alive = weak.lock())
                alive->disconnect();
        },
        Qt::DirectConnection);
    return callback;
}

ContextCallback::~ContextCallback()
{
    QObject::disconnect(m_contextDestroyed);
}

bool ContextCallback::fire(const std::exception_ptr &error)
{
    const std::lock_guard lock(m_mutex);
    QThread *thread = m_context ? m_context->thread() : nullptr;
    if (!thread)
        return false;
    auto delivery = std::make_unique<Delivery>(shared_from_this(), error);
    if (!Inbox::of(thread)->post(delivery.get()))
        return false;
    static_cast<void>(delivery.release()); // it belongs to the inbox now
    return true;
}

void ContextCallback::call(const std::exception_ptr &error)
{
    std::shared_ptr<Function> function;
    {
        const std::lock_guard lock(m_mutex);
        if (m_context && m_context->thread() == QThread::currentThread())
            function = m_function;
    }
    if (!function) {
        if (!fire(error)) // the context has moved to another thread, if it is still there
            reportUnheard(error);
        return;
    }
    try {
        (*function)(error);
    } catch (...) {
        qCCritical(logScope).noquote() << "A callback threw:" << describe(std::current_exception());
    }
}

bool ContextCallback::disconnect()
{
    std::shared_ptr<Function> function;
    std::function<void()> release;
    {
        const std::lock_guard lock(m_mutex);
        if (!m_context)
            return false;
        m_context = nullptr;
        function = std::move(m_function);
        release = std::move(m_release);
    }
    if (release)
        release();
    return true;
}

bool ContextCallback::isActive() const
{
    const std::lock_guard lock(m_mutex);
    return m_context;
}

Subscription ContextCallback::subscription(std::function<void()> release)
{
    bool isLate = false;
    {
        const std::lock_guard lock(m_mutex);
        isLate = !m_context;
        if (!isLate)
            m_release = std::move(release);
    }
    if (isLate)
        release();
    return Subscription(shared_from_this());
}

} // namespace Detail

Subscription::Subscription() = default;

Subscription::Subscription(std::shared_ptr<Detail::ContextCallback> callback)
    : d(std::move(callback))
{
}

bool Subscription::disconnect() const
{
    return d && d->disconnect();
}

bool Subscription::isActive() const
{
    return d && d->isActive();
}

} // namespace MicroIO
