// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/tasks/taskcore.h>

#include <exception>

namespace MicroIO::Detail {

bool isCancelledError(const std::exception_ptr &error);

} // namespace MicroIO::Detail
