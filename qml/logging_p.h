// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QLoggingCategory>

namespace MicroIO::Qml {

Q_DECLARE_LOGGING_CATEGORY(logQml)

} // namespace MicroIO::Qml
