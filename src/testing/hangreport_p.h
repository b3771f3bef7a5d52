// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testing/survey_p.h"

#include <QString>

#include <vector>

namespace MicroIO::Detail {

/// Every suspended wait of the process, by the loops that answer in time; adds the threads that do not to \a silent.
std::vector<WaitDescription> suspendedWaits(QStringList *silent = nullptr);

/// "task 2 waits for sleep (the main thread)"
QString describe(const WaitDescription &wait);

/// A line for each suspended wait, blocked thread and thread that runs, for messages.
QString whoWaitsForWhat();

} // namespace MicroIO::Detail
