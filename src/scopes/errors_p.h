// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Errors>

namespace MicroIO::Detail {

/// \a error with \a cause nested in it.
template<typename E>
std::exception_ptr nest(const E &error, const std::exception_ptr &cause)
{
    if (!cause)
        return std::make_exception_ptr(error);
    try {
        try {
            std::rethrow_exception(cause);
        } catch (...) {
            std::throw_with_nested(error);
        }
    } catch (...) {
        return std::current_exception();
    }
}

/// Throws \a error with \a cause, if there is one, nested in it.
template<typename E>
[[noreturn]] void throwWithCause(const E &error, const std::exception_ptr &cause)
{
    if (!cause)
        throw error;
    try {
        std::rethrow_exception(cause);
    } catch (...) {
        std::throw_with_nested(error);
    }
}

} // namespace MicroIO::Detail
