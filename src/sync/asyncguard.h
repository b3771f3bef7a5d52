// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_export.h>

#include <QtGlobal>

#include <memory>

namespace MicroIO {

namespace Detail {
class PermitCore;
}

/// Holds an AsyncMutex or a permit of an AsyncSemaphore and gives it back when it is destroyed. Move-only; may be moved
/// to and destroyed on any thread, also after what it was taken from.
class MICROIO_EXPORT AsyncGuard
{
public:
    /// Holds nothing.
    AsyncGuard() = default;
    AsyncGuard(AsyncGuard &&) noexcept = default;
    AsyncGuard &operator=(AsyncGuard &&other) noexcept;
    ~AsyncGuard();

    /// Gives back what it holds before its end. False if it held nothing.
    bool release();

    /// True while it holds something.
    explicit operator bool() const { return bool(m_core); }

    /// For the library.
    explicit AsyncGuard(std::shared_ptr<Detail::PermitCore> core);

private:
    std::shared_ptr<Detail::PermitCore> m_core;
};

} // namespace MicroIO
