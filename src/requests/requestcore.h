// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/requests/replycore.h>

#include <QDeadlineTimer>

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

class QObject;

namespace MicroIO {

class CloseScope;

namespace Detail {

/// The part of a registry that knows neither keys nor values.
class MICROIO_EXPORT RequestCore : public std::enable_shared_from_this<RequestCore>
{
public:
    RequestCore();
    virtual ~RequestCore();
    Q_DISABLE_COPY_MOVE(RequestCore)

    /// Fails all that are pending and refuses new ones. The first close counts.
    void close(const std::exception_ptr &error);
    /// The registry is being destroyed: closes it, and keeps nothing whose destructor might call it.
    void end();
    qsizetype failAll(const std::exception_ptr &error);

    /// Ends \a reply without an answer: it was given up or abandoned. False if it was decided already.
    bool settle(ReplyCore &reply, ReplyCore::State state);

    /// Blocks until \a reply is decided. Throws TimeoutError, and the reply is given up.
    void wait(ReplyCore &reply, QDeadlineTimer deadline);

    /// Closes the registry with \a scope, or with \a owner. Binding again to the same one changes nothing.
    void bindTo(const CloseScope &scope);
    void bindTo(QObject *owner);

protected:
    void throwIfClosedLocked() const;
    [[noreturn]] static void throwDuplicate();

    mutable std::mutex m_mutex;

private:
    friend class ReplyWaitBase;

    struct Binding
    {
        const void *to;
        std::function<bool()> isOver; // what it was bound to has gone without closing anything
        std::function<void()> undo;
    };
    using Replies = std::vector<std::shared_ptr<ReplyCore>>;

    /// Takes \a reply, which is pending, out of what is pending; the caller keeps it alive.
    virtual void removeLocked(ReplyCore &reply) = 0;
    virtual Replies takeAllLocked() = 0;

    /// Gives their number, and into \a futures those whose futures are to be finished with the mutex released.
    static qsizetype failEachLocked(const Replies &replies, const std::exception_ptr &error, Replies &futures,
                                    Wakes &wakes);
    bool needsBinding(const void *to);
    void keepBinding(Binding binding);

    bool m_isClosed = false; // guarded by m_mutex, as all that follows
    std::exception_ptr m_closeError;
    std::vector<Binding> m_bindings;
    size_t m_sweepAt = 8; // bindings
};

} // namespace Detail
} // namespace MicroIO
