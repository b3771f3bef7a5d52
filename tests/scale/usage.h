// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../auto/shared/sanitized.h"

#include <QtGlobal>

#include <ctime>
#include <malloc.h>

#ifdef MICROIO_TEST_SANITIZED
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace Tests {

#ifdef MICROIO_TEST_SANITIZED
constexpr bool isSanitized = true;
#else
constexpr bool isSanitized = false;
#endif

/// Bytes that the process has allocated and not freed.
inline qint64 allocatedBytes()
{
#ifdef MICROIO_TEST_SANITIZED
    return qint64(__sanitizer_get_current_allocated_bytes());
#else
    const auto info = mallinfo2();
    return qint64(info.uordblks + info.hblkhd);
#endif
}

/// What the calling thread has computed, in seconds: other processes of the machine do not count.
inline double cpuTime()
{
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

/// How far the stack reaches down, seen from where the object was made.
class StackDepth
{
public:
    StackDepth()
        : m_top(address())
    {
    }

    void look() { m_deepest = qMax(m_deepest, m_top - address()); }
    qint64 deepest() const { return m_deepest; }

private:
    Q_NEVER_INLINE static qint64 address() { return qint64(__builtin_frame_address(0)); }

    const qint64 m_top;
    qint64 m_deepest = 0;
};

} // namespace Tests
