// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/AsyncSemaphore>

#include <stdexcept>

namespace MicroIO {

namespace {

qsizetype checked(qsizetype permits)
{
    if (permits < 0)
        throw std::invalid_argument("AsyncSemaphore with a negative number of permits");
    return permits;
}

} // namespace

AsyncSemaphore::AsyncSemaphore(qsizetype permits)
    : d(std::make_shared<Detail::PermitCore>(checked(permits), "semaphore"))
{
}

AsyncSemaphore::~AsyncSemaphore()
{
    d->close();
}

AsyncGuard AsyncSemaphore::tryAcquire()
{
    return d->tryTake() ? AsyncGuard(d) : AsyncGuard();
}

} // namespace MicroIO
