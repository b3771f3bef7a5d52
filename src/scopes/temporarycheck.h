// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

// g++ before 13 destroys a temporary lambda with captures twice if it stands in a co_await expression. Every
// function that takes a callable and returns an awaitable refuses such a temporary. MICROIO_CHECK_TEMPORARY(F)
// takes the deduced type of a forwarding reference.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
namespace MicroIO::Detail {
template<typename F>
inline constexpr bool isDestroyedTwice =
    !std::is_lvalue_reference_v<F> && !std::is_trivially_destructible_v<std::remove_cvref_t<F>>;
}
#define MICROIO_CHECK_TEMPORARY(F) \
    static_assert( \
        !::MicroIO::Detail::isDestroyedTwice<F>, \
        "g++ 12 destroys this temporary twice inside a co_await expression: give the callable a name first and " \
        "pass that, or capture by reference")
#else
namespace MicroIO::Detail {
template<typename F>
inline constexpr bool isDestroyedTwice = false;
}
#define MICROIO_CHECK_TEMPORARY(F) static_assert(true)
#endif
