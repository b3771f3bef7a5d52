// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CloseScope>

#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

namespace MicroIO::Detail {

class MICROIO_EXPORT CloseScopePrivate
{
public:
    enum class State : quint8 { Open, Closed, Failed };

    bool end(State state, std::exception_ptr cause, const QString &reason);

    /// \a listener is called once, on the ending thread with no lock held, or at once if the end was before: it
    /// may only wake and post. Returns a number for removeListener().
    quint64 addListener(std::function<void()> listener);
    void removeListener(quint64 id);

    mutable std::mutex mutex;
    mutable std::condition_variable ended;
    State state = State::Open; // guarded by mutex; leaves Open once
    std::exception_ptr cause; // guarded by mutex; only of Failed
    QString reason; // guarded by mutex
    WaitList waits; // guarded by mutex
    std::map<quint64, std::function<void()>> listeners; // by id, oldest first; guarded by mutex
    quint64 lastListener = 0; // guarded by mutex
};

} // namespace MicroIO::Detail
