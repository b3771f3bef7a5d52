// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/AsyncMutex>

namespace MicroIO {

AsyncMutex::AsyncMutex()
    : d(std::make_shared<Detail::PermitCore>(1, "mutex"))
{
}

AsyncMutex::~AsyncMutex()
{
    d->close();
}

AsyncGuard AsyncMutex::tryLock()
{
    return d->tryTake() ? AsyncGuard(d) : AsyncGuard();
}

} // namespace MicroIO
