// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "crew.h"
#include "dashboardwindow.h"
#include "scenes.h"
#include "textcheck.h"

#include <QQuickItem>
#include <QQuickWindow>
#include <QTest>

namespace Tests {

/// A running crew and its window.
class Shown
{
public:
    explicit Shown(const CrewOptions &options = Scenes::stillOptions(), QSize size = {1000, 700})
        : crew(options)
        , dashboard(crew, size)
    {
        crew.start();
    }

    QQuickWindow &window() const { return dashboard.window(); }

    /// Null if it is not seen.
    QQuickItem *button(const char *objectName, const QString &service) const
    {
        QQuickItem *found = nullptr;
        forEachItem(window().contentItem(), [&](QQuickItem *item) {
            if (item->objectName() != QLatin1String(objectName))
                return;
            for (auto *row = item->parentItem(); row; row = row->parentItem()) {
                if (row->objectName() == QStringLiteral("row") && row->property("name") == service)
                    found = item;
            }
        });
        return found;
    }

    bool isClickable(const char *objectName, const QString &service) const
    {
        const auto *item = button(objectName, service);
        return item && item->isEnabled();
    }

    void click(const char *objectName, const QString &service) const
    {
        auto *item = button(objectName, service);
        QTest::mouseClick(&window(), Qt::LeftButton, {},
                          item->mapToScene(item->boundingRect().center()).toPoint());
    }

    MicroIO::Supervisor::ServiceInfo info(const QString &service)
    {
        return *crew.supervisor().serviceInfo(service);
    }

    Crew crew;
    DashboardWindow dashboard;
};

} // namespace Tests
