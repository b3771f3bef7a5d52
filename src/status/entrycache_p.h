// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "status/servicesource_p.h"

#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace MicroIO::Detail {

/// The entries that a source has given out, so that the same service is the same entry each time. Any thread.
template<typename Key>
class EntryCache
{
public:
    /// The entry of \a key, by \a make() if there is none yet.
    template<typename Make>
    std::shared_ptr<ServiceEntry> entry(const Key &key, const Make &make)
    {
        const std::lock_guard lock(m_mutex);
        auto &entry = m_entries[key];
        if (!entry)
            entry = make();
        return entry;
    }

    /// Those of \a list, by keyOf(item) and make(item); all others are forgotten.
    template<typename List, typename KeyOf, typename Make>
    ServiceEntries entries(const List &list, const KeyOf &keyOf, const Make &make)
    {
        ServiceEntries all;
        all.reserve(list.size());
        Entries kept; // what is not is destroyed with the mutex unlocked
        const std::lock_guard lock(m_mutex);
        for (const auto &item : list) {
            auto &entry = m_entries[keyOf(item)];
            if (!entry)
                entry = make(item);
            kept.emplace(keyOf(item), entry);
            all.push_back(entry);
        }
        m_entries.swap(kept);
        return all;
    }

private:
    using Entries = std::unordered_map<Key, std::shared_ptr<ServiceEntry>>;

    std::mutex m_mutex;
    Entries m_entries; // guarded by m_mutex
};

} // namespace MicroIO::Detail
