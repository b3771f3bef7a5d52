// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <exception>
#include <functional>
#include <memory>

class QObject;

namespace MicroIO {

namespace Detail {
class ContextCallback;
}

/// A callback that was registered with onCancel(), onClosed() or onError().
///
/// A copyable, thread-safe value, like QMetaObject::Connection: dropping it changes nothing. The callback
/// is gone with disconnect(), with its context object, and with what it was registered with.
class MICROIO_EXPORT Subscription
{
public:
    Subscription();

    /// No call begins after this has returned on the context's thread; on another one, a call that has begun may
    /// still be running. True for the first call, if its context was still there. Any thread.
    bool disconnect() const;

    /// False once it is disconnected or its context is gone; a callback that is called only once stays active when it has
    /// been. Any thread.
    bool isActive() const;

private:
    friend class Detail::ContextCallback;
    explicit Subscription(std::shared_ptr<Detail::ContextCallback> callback);

    std::shared_ptr<Detail::ContextCallback> d;
};

} // namespace MicroIO
