// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/ServiceThread>

#include <memory>

namespace MicroIO::Detail {

/// Keeps a deaf service until its thread has ended, and destroys it then, from the event loop of its owner's thread; if
/// that has ended, it is kept for good. To be called on the owner's thread.
void keepUntilEnded(std::unique_ptr<ServiceThread> service);

} // namespace MicroIO::Detail
