// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/requests/requesttable.h>

#include <exception>
#include <memory>
#include <utility>

namespace MicroIO {

/// For who answers a request: a copyable, thread-safe value. It answers this request only, never a later one with the
/// same key. When the last copy is dropped without an answer, who asked gets BrokenResourceError.
template<typename Key, typename Value>
class ReplyHandle
{
public:
    /// One that answers nothing.
    ReplyHandle() = default;

    /// True if who asked gets \a value. False, and \a value is destroyed, if this request is not pending any more: it
    /// was answered, its wait timed out or was cancelled, its future was cancelled, the registry was closed. Throws what
    /// the move constructor of the value throws, and the request is pending still. Any thread; runs no coroutine of
    /// who asked, but the continuations of a QFuture that have no context.
    bool resolve(Value value) const
    {
        return d && d->table->resolve(d->reply->key, d->reply.get(), std::move(value));
    }

    /// The same with an error; a null one counts as a BrokenResourceError.
    bool fail(std::exception_ptr error) const
    {
        return d && d->table->fail(d->reply->key, d->reply.get(), error);
    }

    /// Of the request; a default-constructed one if the handle answers nothing.
    Key key() const { return d ? d->reply->key : Key(); }

    /// For the library.
    explicit ReplyHandle(std::shared_ptr<Detail::ReplyTicket<Key, Value>> ticket)
        : d(std::move(ticket))
    {
    }

private:
    std::shared_ptr<Detail::ReplyTicket<Key, Value>> d;
};

} // namespace MicroIO
