// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>

namespace MicroIO::Detail {

/// Hours, minutes and seconds, "1:02:03", as a table shows them; empty for none.
inline QString durationText(qint64 milliseconds)
{
    if (milliseconds <= 0)
        return {};
    const qint64 seconds = milliseconds / 1000;
    return QStringLiteral("%1:%2:%3")
        .arg(seconds / 3600)
        .arg(seconds / 60 % 60, 2, 10, QLatin1Char('0'))
        .arg(seconds % 60, 2, 10, QLatin1Char('0'));
}

} // namespace MicroIO::Detail
