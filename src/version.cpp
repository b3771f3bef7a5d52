// SPDX-License-Identifier: Apache-2.0
#include <MicroIO/Version>

namespace MicroIO {

/*!
    Returns the version of the library that the program runs with, for instance "0.1.0". The macro
    \c MICROIO_VERSION_STR is the one that it was compiled with.
*/
QString version()
{
    return QStringLiteral(MICROIO_VERSION_STR);
}

} // namespace MicroIO
