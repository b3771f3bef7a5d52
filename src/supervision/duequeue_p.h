// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Clock>
#include <MicroIO/microio_export.h>

#include <QtGlobal>

#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

namespace MicroIO::Detail {

/// What falls due when, at most one moment for each number.
class MICROIO_EXPORT DueQueue
{
public:
    /// Deadline::max() takes it out.
    void set(quint64 id, Deadline due);
    void remove(quint64 id) { set(id, Deadline::max()); }
    bool contains(quint64 id) const { return m_moments.count(id) > 0; }

    /// Deadline::max() if there is nothing.
    Deadline earliest() const;
    /// One that is due at \a moment, the one that is due first.
    std::optional<quint64> take(Deadline moment);

private:
    std::set<std::pair<Deadline, quint64>> m_queue;
    std::unordered_map<quint64, Deadline> m_moments;
};

} // namespace MicroIO::Detail
