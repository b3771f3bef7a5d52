// SPDX-License-Identifier: Apache-2.0
#include "scopes/observer_p.h"

namespace MicroIO::Detail {

std::atomic<Observer *> Observer::s_installed{nullptr};

Observer::~Observer() = default;

} // namespace MicroIO::Detail
