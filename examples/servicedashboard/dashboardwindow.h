// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dashboard.h"

#include <QQmlApplicationEngine>
#include <QSize>

class Crew;
class QQuickWindow;

/// The window of a Crew, which must outlive it.
class DashboardWindow
{
public:
    /// Throws std::runtime_error if it cannot be loaded, which is said in the log.
    DashboardWindow(Crew &crew, QSize size);

    /// Dark colours for the whole application, or the system's again.
    void setDark(bool isDark);

    QQuickWindow &window() const { return *m_window; }

private:
    Dashboard m_dashboard;
    QQmlApplicationEngine m_engine;
    QQuickWindow *m_window = nullptr; // the engine's
};
