// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/MicroIO>
#include <MicroIO/Version>

#include <QString>

#include <cstdio>

int main()
{
    std::printf("MicroIO %s\n", qPrintable(MicroIO::version()));
    return MicroIO::version() == QLatin1String(MICROIO_VERSION_STR) ? 0 : 1;
}
