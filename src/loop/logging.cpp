// SPDX-License-Identifier: Apache-2.0
#include "loop/logging_p.h"

namespace MicroIO::Detail {

Q_LOGGING_CATEGORY(logScope, "microio.scope")
Q_LOGGING_CATEGORY(logTask, "microio.task")
Q_LOGGING_CATEGORY(logService, "microio.service")

} // namespace MicroIO::Detail
