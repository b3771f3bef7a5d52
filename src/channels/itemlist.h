// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtGlobal>

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

namespace MicroIO::Detail {

/// First in, first out, in chunks that are used again. An item is never moved once it is in, whatever its move
/// constructor does; a whole list is handed over by a few pointers.
template<typename T>
class ItemList
{
public:
    ItemList() = default;
    ~ItemList()
    {
        while (!isEmpty())
            removeFirst();
        trim(0);
    }
    Q_DISABLE_COPY_MOVE(ItemList)

    bool isEmpty() const { return m_count == 0; }
    size_t size() const { return m_count; }

    /// If the constructor throws, nothing has happened to the list.
    void append(T &&item)
    {
        Chunk *chunk = m_last && m_last->end < chunkSize ? m_last : nullptr;
        if (!chunk) {
            if (!m_spare)
                addSpare(new Chunk);
            chunk = m_spare;
        }
        ::new (chunk->place(chunk->end)) T(std::move(item));
        if (chunk != m_last) {
            m_spare = chunk->next;
            --m_spareCount;
            chunk->next = nullptr;
            (m_last ? m_last->next : m_first) = chunk;
            m_last = chunk;
            ++m_chunkCount;
        }
        ++chunk->end;
        ++m_count;
    }

    T &first() { return *m_first->item(m_first->begin); }

    void removeFirst()
    {
        Chunk *chunk = m_first;
        T *item = chunk->item(chunk->begin++);
        --m_count;
        item->~T();
        if (chunk->begin < chunk->end)
            return;
        m_first = chunk->next;
        if (!m_first)
            m_last = nullptr;
        --m_chunkCount;
        addSpare(chunk);
    }

    /// Takes all items of \a other, behind those that are here, and gives it spare chunks to go on with.
    void takeAll(ItemList &other)
    {
        m_kept = std::max(m_kept, std::min(other.m_chunkCount, mostKept));
        if (!other.isEmpty()) {
            (m_last ? m_last->next : m_first) = other.m_first;
            m_last = other.m_last;
            m_count += other.m_count;
            m_chunkCount += other.m_chunkCount;
            other.m_first = other.m_last = nullptr;
            other.m_count = other.m_chunkCount = 0;
        }
        if (!other.m_spare || other.m_spareCount > m_kept) {
            std::swap(m_spare, other.m_spare);
            std::swap(m_spareCount, other.m_spareCount);
        }
    }

    /// Keeps as many spare chunks as bursts took of late: giving them to the heap would have it give their pages to
    /// the system and ask for new ones for the next burst, which costs more than all else.
    void becomeIdle()
    {
        trim(std::max(m_kept, leastKept));
        m_kept -= m_kept / 8;
    }

private:
    static constexpr size_t chunkSize = std::clamp<size_t>(2048 / sizeof(T), 1, 64);

    struct Chunk
    {
        void *place(size_t i) { return storage + i * sizeof(T); }
        T *item(size_t i) { return std::launder(static_cast<T *>(place(i))); }

        Chunk *next = nullptr;
        size_t begin = 0;
        size_t end = 0;
        alignas(T) std::byte storage[chunkSize * sizeof(T)];
    };

    static constexpr size_t leastKept = std::clamp<size_t>(32768 / sizeof(Chunk), 1, 8);
    static constexpr size_t mostKept = std::max(leastKept, 2'000'000 / sizeof(Chunk));

    void addSpare(Chunk *chunk)
    {
        chunk->begin = chunk->end = 0;
        chunk->next = m_spare;
        m_spare = chunk;
        ++m_spareCount;
    }

    void trim(size_t count)
    {
        while (m_spareCount > count) {
            delete std::exchange(m_spare, m_spare->next);
            --m_spareCount;
        }
    }

    Chunk *m_first = nullptr; // none of them is empty
    Chunk *m_last = nullptr;
    Chunk *m_spare = nullptr;
    size_t m_count = 0;
    size_t m_chunkCount = 0;
    size_t m_spareCount = 0;
    size_t m_kept = 0; // chunks
};

} // namespace MicroIO::Detail
