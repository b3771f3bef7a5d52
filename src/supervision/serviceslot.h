// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/ServiceThread>
#include <MicroIO/microio_export.h>

#include <QString>

#include <QtGlobal>

#include <condition_variable>
#include <exception>
#include <mutex>

namespace MicroIO::Detail {

/// Where a supervisor puts the current instance of a service, and references find it. Any thread.
class MICROIO_EXPORT ServiceSlot
{
public:
    explicit ServiceSlot(const QString &name);

    const QString &name() const { return m_name; }
    void fill(ServiceThread *instance);
    /// It is down, because of \a cause if that is not null. When this returns, nobody uses the instance any more.
    void empty(const std::exception_ptr &cause);

    /// Calls \a use with the instance, which must not block: the supervisor waits for it. Throws ServiceError, with the cause
    /// nested, while it is down, and if it is no \a T.
    template<typename T, typename Use>
    auto with(Use &&use)
    {
        const Pin pin(*this); // and no lock: what is called may come back here
        auto *instance = dynamic_cast<T *>(pin.instance());
        if (!instance)
            throwOtherClass();
        return use(*instance);
    }
    bool isUp() const;

private:
    /// Somebody uses the instance.
    class MICROIO_EXPORT Pin
    {
    public:
        /// Throws ServiceError while the service is down.
        explicit Pin(ServiceSlot &slot);
        ~Pin();
        Q_DISABLE_COPY_MOVE(Pin)

        ServiceThread *instance() const { return m_instance; }

    private:
        ServiceSlot &m_slot;
        ServiceThread *m_instance = nullptr;
    };

    [[noreturn]] void throwOtherClass() const;

    const QString m_name;
    mutable std::mutex m_mutex;
    std::condition_variable m_unused;
    int m_users = 0; // guarded by m_mutex
    ServiceThread *m_instance = nullptr; // guarded by m_mutex
    std::exception_ptr m_cause; // guarded by m_mutex; why it is down
};

} // namespace MicroIO::Detail
