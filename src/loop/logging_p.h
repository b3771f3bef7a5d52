// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QLoggingCategory>

namespace MicroIO::Detail {

Q_DECLARE_LOGGING_CATEGORY(logScope)
Q_DECLARE_LOGGING_CATEGORY(logTask)
Q_DECLARE_LOGGING_CATEGORY(logService)

} // namespace MicroIO::Detail
