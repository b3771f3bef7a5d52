// SPDX-License-Identifier: Apache-2.0
#include "dashboardwindow.h"

#include "crew.h"

#include <QGuiApplication>
#include <QPalette>
#include <QQuickWindow>
#include <QtQml/QQmlExtensionPlugin>

#include <stdexcept>

Q_IMPORT_QML_PLUGIN(ServiceDashboardPlugin)

static QPalette darkPalette()
{
    const QColor text(0xee, 0xee, 0xee);
    QPalette palette(QColor(0x3a, 0x3a, 0x3a), QColor(0x2a, 0x2a, 0x2a));
    palette.setColor(QPalette::Base, QColor(0x22, 0x22, 0x22));
    palette.setColor(QPalette::AlternateBase, QColor(0x30, 0x30, 0x30));
    for (const auto role :
         {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::BrightText}) {
        palette.setColor(role, text);
        palette.setColor(QPalette::Disabled, role, QColor(0x90, 0x90, 0x90));
    }
    palette.setColor(QPalette::Mid, QColor(0x60, 0x60, 0x60));
    palette.setColor(QPalette::Highlight, QColor(0x4a, 0x90, 0xd9));
    palette.setColor(QPalette::HighlightedText, Qt::white);
    return palette;
}

DashboardWindow::DashboardWindow(Crew &crew, QSize size)
    : m_dashboard(crew)
{
    m_engine.addImportPath(QStringLiteral(MICROIO_QML_IMPORT_DIR));
    m_engine.addImportPath(QStringLiteral("qrc:/qt/qml")); // looked at first: a static module is there
    m_engine.setInitialProperties({{QStringLiteral("dashboard"), QVariant::fromValue(&m_dashboard)},
                                   {QStringLiteral("width"), size.width()},
                                   {QStringLiteral("height"), size.height()}});
    m_engine.load(QUrl(QStringLiteral("qrc:/qt/qml/ServiceDashboard/qml/Main.qml")));
    const auto roots = m_engine.rootObjects();
    if (!roots.isEmpty())
        m_window = qobject_cast<QQuickWindow *>(roots.constFirst());
    if (!m_window)
        throw std::runtime_error("the window cannot be loaded");
}

void DashboardWindow::setDark(bool isDark)
{
    // After the style has been loaded, which brings a palette of its own.
    QGuiApplication::setPalette(isDark ? darkPalette() : QPalette());
}
