// SPDX-License-Identifier: Apache-2.0
#include "testing/testwait_p.h"

#include "testing/hangreport_p.h"

#include <QTimer>

namespace MicroIO::Detail {

namespace {
thread_local TestWait *innermostWait = nullptr;
}

TestWait::TestWait(const QString &what)
    : m_what(what)
    , m_outer(innermostWait)
{
    innermostWait = this;
}

TestWait::~TestWait()
{
    innermostWait = m_outer;
}

bool TestWait::exec(std::chrono::milliseconds limit)
{
    if (m_isDone)
        return true;
    QTimer watchdog;
    watchdog.setSingleShot(true);
    QObject::connect(&watchdog, &QTimer::timeout, &m_loop, &QEventLoop::quit);
    watchdog.start(limit);
    m_isTurning = true;
    m_loop.exec();
    m_isTurning = false;
    if (!m_isDone && m_problem.isEmpty()) {
        m_problem = QStringLiteral("%1: it has not come within %2 seconds of real time.\n%3")
                        .arg(m_what)
                        .arg(std::chrono::duration<double>(limit).count())
                        .arg(whoWaitsForWhat());
    }
    return m_isDone;
}

void TestWait::done()
{
    m_isDone = true;
    m_loop.quit();
}

bool TestWait::isAny()
{
    return innermostWait && innermostWait->m_isTurning;
}

bool TestWait::tellHang(const QString &report)
{
    if (!isAny())
        return false;
    innermostWait->m_problem = QStringLiteral("%1: this hangs. %2").arg(innermostWait->m_what, report);
    innermostWait->m_loop.quit();
    return true;
}

} // namespace MicroIO::Detail
