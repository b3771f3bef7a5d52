// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/sync/asyncguard.h>

#include <MicroIO/sync/permitcore.h>

#include <utility>

namespace MicroIO {

AsyncGuard::AsyncGuard(std::shared_ptr<Detail::PermitCore> core)
    : m_core(std::move(core))
{
}

AsyncGuard &AsyncGuard::operator=(AsyncGuard &&other) noexcept
{
    if (this != &other) {
        release();
        m_core = std::move(other.m_core);
    }
    return *this;
}

AsyncGuard::~AsyncGuard()
{
    release();
}

bool AsyncGuard::release()
{
    const auto core = std::exchange(m_core, nullptr);
    if (core)
        core->giveBack();
    return bool(core);
}

} // namespace MicroIO
