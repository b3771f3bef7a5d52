// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Supervisor>

namespace MicroIO::Detail {

class SupervisorPrivate;

// Each throws std::invalid_argument for what makes no sense, and says what to do.
void checkSpec(const Supervisor::Intensity &intensity);
void checkSpec(const Supervisor::Decay &decay);
void checkSpec(const Supervisor::Backoff &backoff);
/// Also std::logic_error if it is too late for it.
void checkSpec(const Supervisor::ServiceSpec &spec, const SupervisorPrivate &supervisor);
void checkSpec(const Supervisor::SupervisorSpec &spec, const SupervisorPrivate &supervisor);

} // namespace MicroIO::Detail
