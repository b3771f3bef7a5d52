// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtGlobal>

#include <atomic>
#include <memory>

/// How much a service has done, in all its instances: the service counts, the window looks. Copies count together. Any
/// thread.
class WorkCounter
{
public:
    void add(qint64 count = 1) const { m_count->fetch_add(count, std::memory_order_relaxed); }
    qint64 count() const { return m_count->load(std::memory_order_relaxed); }

private:
    std::shared_ptr<std::atomic<qint64>> m_count = std::make_shared<std::atomic<qint64>>(0);
};
