// SPDX-License-Identifier: Apache-2.0
#pragma once

// Counts what is allocated in the whole process, by Qt's containers too. To be included by one source file of a
// program: with glibc it replaces malloc(), elsewhere the global operator new; sanitizers offer a hook.

#include "sanitized.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace Tests {

inline std::atomic<unsigned long long> allocationCount{0};

} // namespace Tests

#if defined(__GLIBC__) && !defined(MICROIO_TEST_SANITIZED)

extern "C" {
void *__libc_malloc(std::size_t size);
void *__libc_calloc(std::size_t count, std::size_t size);
void *__libc_realloc(void *memory, std::size_t size);

void *malloc(std::size_t size) noexcept
{
    Tests::allocationCount.fetch_add(1, std::memory_order_relaxed);
    return __libc_malloc(size);
}
void *calloc(std::size_t count, std::size_t size) noexcept
{
    Tests::allocationCount.fetch_add(1, std::memory_order_relaxed);
    return __libc_calloc(count, size);
}
void *realloc(void *memory, std::size_t size) noexcept
{
    Tests::allocationCount.fetch_add(1, std::memory_order_relaxed);
    return __libc_realloc(memory, size);
}
}

#elif defined(MICROIO_TEST_SANITIZED)

extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*onMalloc)(const volatile void *, std::size_t),
                                                         void (*onFree)(const volatile void *));

namespace Tests {

inline const int allocationHooks = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void *, std::size_t) { allocationCount.fetch_add(1, std::memory_order_relaxed); },
    [](const volatile void *) {});

} // namespace Tests

#else

void *operator new(std::size_t size)
{
    Tests::allocationCount.fetch_add(1, std::memory_order_relaxed);
    if (void *memory = std::malloc(size))
        return memory;
    throw std::bad_alloc();
}
void operator delete(void *memory) noexcept
{
    std::free(memory);
}
void operator delete(void *memory, std::size_t) noexcept
{
    std::free(memory);
}

#endif
