// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/ActorCore>

namespace MicroIO::Detail {

ActorRun::ActorRun(std::atomic<bool> &isRunning)
    : m_isRunning(isRunning)
{
    if (m_isRunning.exchange(true))
        throw BusyResourceError(
            QStringLiteral("ActorCore::run() is under way already; an actor handles one item at a time"));
}

ActorRun::~ActorRun()
{
    m_isRunning = false;
}

} // namespace MicroIO::Detail
