// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Waiters>

#include <QEventLoop>
#include <QString>

#include <chrono>

namespace MicroIO::Detail {

/// A test that waits in its event loop: until it is told that what it waits for is there, or that this can never be, or
/// until it has lasted too long. They nest, on the test's thread.
class TestWait
{
public:
    /// \a what is waited for, for messages.
    explicit TestWait(const QString &what);
    ~TestWait();
    Q_DISABLE_COPY_MOVE(TestWait)

    /// True if done() ended it; else problem() tells why not. \a limit is real time.
    bool exec(std::chrono::milliseconds limit = testTimeout());
    void done();
    QString problem() const { return m_problem; }

    /// Tells the innermost wait of this thread that nothing will happen any more; false if there is none.
    static bool tellHang(const QString &report);
    static bool isAny();

private:
    const QString m_what;
    TestWait *const m_outer;
    QEventLoop m_loop;
    QString m_problem;
    bool m_isDone = false;
    bool m_isTurning = false;
};

} // namespace MicroIO::Detail
