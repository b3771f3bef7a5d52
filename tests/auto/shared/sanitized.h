// SPDX-License-Identifier: Apache-2.0
#pragma once

// Defined if a sanitizer is in charge of the allocations.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MICROIO_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MICROIO_TEST_SANITIZED 1
#endif
#endif
