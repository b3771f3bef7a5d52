// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QTextStream>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace Bench {

inline double wallSeconds()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Of the whole process.
inline double cpuSeconds()
{
    return double(std::clock()) / CLOCKS_PER_SEC;
}

/// What malloc has given out; 0 where it cannot tell.
inline double heapBytes()
{
#if defined(__GLIBC__)
    const auto info = mallinfo2();
    return double(info.uordblks + info.hblkhd);
#else
    return 0;
#endif
}

inline double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// Runs ours and the peer's in turn, five times after a warm-up, and prints medians and the ratio pair by pair.
inline void compare(const QString &name, const QString &unit, double aim, const std::function<double()> &ours,
                    const std::function<double()> &peers, int runs = 5)
{
    std::vector<double> a;
    std::vector<double> b;
    std::vector<double> ratios;
    for (int run = -1; run < runs; ++run) {
        const double mine = ours();
        const double theirs = peers();
        if (run < 0)
            continue;
        a.push_back(mine);
        b.push_back(theirs);
        ratios.push_back(theirs / mine);
    }
    const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
    QTextStream(stdout) << QStringLiteral("%1  ours %2 %3, peer %4 %3, ratio %5 (%6 to %7), aim %8\n")
                               .arg(name, -34)
                               .arg(median(a), 0, 'f', 1)
                               .arg(unit)
                               .arg(median(b), 0, 'f', 1)
                               .arg(median(ratios), 0, 'f', 2)
                               .arg(*least, 0, 'f', 2)
                               .arg(*most, 0, 'f', 2)
                               .arg(aim);
}

} // namespace Bench
