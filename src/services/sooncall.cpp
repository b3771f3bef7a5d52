// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/services/sooncall.h>

#include "services/servicethread_p.h"

namespace MicroIO::Detail {

SoonCall::SoonCall(std::shared_ptr<ServicePrivate> service)
    : m_service(std::move(service))
{
}

SoonCall::~SoonCall() = default;

void SoonCall::run()
{
    const std::unique_ptr<SoonCall> self(this);
    try {
        call();
    } catch (...) {
        m_service->tellCallbackFailed(std::current_exception());
    }
}

void SoonCall::discard()
{
    delete this;
}

} // namespace MicroIO::Detail
