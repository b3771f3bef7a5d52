// SPDX-License-Identifier: Apache-2.0
#include "supervision/supervisororders_p.h"

#include "loop/inbox_p.h"

#include <QThread>

#include <utility>

namespace MicroIO::Detail {

bool SupervisorOrders::post(Order order)
{
    std::shared_ptr<SupervisorOrders> refused; // both are released with the mutex unlocked
    Order dropped;
    const std::lock_guard lock(m_mutex);
    if (!m_home)
        return false;
    m_orders.push_back(std::move(order));
    if (m_posted)
        return true;
    m_posted = shared_from_this();
    if (m_home->post(this))
        return true;
    refused = std::move(m_posted);
    dropped = std::move(m_orders.back());
    m_orders.pop_back();
    return false;
}

void SupervisorOrders::open(std::function<void()> wake)
{
    m_wake = std::move(wake);
    auto home = Inbox::of(QThread::currentThread());
    const std::lock_guard lock(m_mutex);
    m_home = std::move(home);
}

std::optional<SupervisorOrders::Order> SupervisorOrders::take()
{
    const std::lock_guard lock(m_mutex);
    if (m_orders.empty())
        return std::nullopt;
    auto order = std::move(m_orders.front());
    m_orders.pop_front();
    return order;
}

void SupervisorOrders::close()
{
    m_wake = {};
    {
        const std::lock_guard lock(m_mutex);
        m_home.reset();
    }
    refuseAll();
}

void SupervisorOrders::run()
{
    std::shared_ptr<SupervisorOrders> self;
    {
        const std::lock_guard lock(m_mutex);
        self = std::move(m_posted);
    }
    if (const auto wake = m_wake) // it may destroy the supervisor, which closes us
        wake();
}

void SupervisorOrders::discard()
{
    std::shared_ptr<SupervisorOrders> self;
    {
        const std::lock_guard lock(m_mutex);
        self = std::move(m_posted);
    }
    refuseAll();
}

void SupervisorOrders::refuseAll()
{
    std::deque<Order> refused;
    {
        const std::lock_guard lock(m_mutex);
        refused.swap(m_orders);
    }
    for (const auto &order : refused)
        order.answer({});
}

} // namespace MicroIO::Detail
