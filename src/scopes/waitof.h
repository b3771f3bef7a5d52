// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/scopes/scopedwait.h>

#include <tuple>
#include <utility>

namespace MicroIO::Detail {

/// What is awaited: a small value that makes the awaiter, which itself is neither copied nor moved. (QCoro's
/// await_transform() returns the awaitable by reference, so that it may not be the awaiter.)
template<typename Wait, typename... Args>
class WaitOf
{
public:
    explicit WaitOf(ScopeRef scope, Args... args)
        : m_args(std::move(scope), std::move(args)...)
    {
    }

    Wait operator co_await() const & { return std::make_from_tuple<Wait>(m_args); }
    Wait operator co_await() && { return std::make_from_tuple<Wait>(std::move(m_args)); }

private:
    std::tuple<ScopeRef, Args...> m_args;
};

} // namespace MicroIO::Detail
