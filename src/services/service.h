// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/ServiceThread>

#include <memory>
#include <utility>

namespace MicroIO {

/// A service class \a T made whole: its destructor stops and joins while all of \a T is still there.
template<typename T>
class Service final : public T
{
public:
    using T::T;
    ~Service() override { this->stopAndJoin(); }
};

/// Makes a T whose destructor stops and joins the thread before any part of T is gone.
template<typename T, typename... Args>
std::unique_ptr<T> makeService(Args &&...args)
{
    return std::make_unique<Service<T>>(std::forward<Args>(args)...);
}

} // namespace MicroIO
