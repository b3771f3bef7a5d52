// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QQuickItem>
#include <QQuickWindow>
#include <QStringList>

namespace Tests {

/// What cuts off what is in it.
inline const QQuickItem *clipperOf(const QQuickItem *item)
{
    for (item = item->parentItem(); item; item = item->parentItem()) {
        if (item->clip())
            return item;
    }
    return nullptr;
}

inline void checkText(const QQuickItem &text, const QQuickWindow &window, QStringList &wrong)
{
    const auto complain = [&](const char *what) {
        wrong += QStringLiteral("%1: \"%2\"").arg(QLatin1String(what), text.property("text").toString());
    };
    constexpr qreal tolerance = 1; // of a pixel, by rounding
    if (text.property("truncated").toBool())
        complain("truncated");
    if (text.property("contentWidth").toReal() > text.width() + tolerance
        || text.property("contentHeight").toReal() > text.height() + tolerance)
        complain("larger than its item");

    const auto inParent = text.mapRectToItem(text.parentItem(), text.boundingRect());
    const auto parent = text.parentItem()->boundingRect().adjusted(-tolerance, -tolerance, tolerance,
                                                                   tolerance);
    if (!parent.contains(inParent))
        complain("outside of its parent");

    const auto *clipper = clipperOf(&text);
    auto seen = clipper ? clipper->mapRectToScene(clipper->boundingRect())
                        : QRectF(QPointF(0, 0), window.size());
    if (clipper) { // it scrolls
        seen.setTop(-1e6);
        seen.setBottom(1e6);
    }
    if (!seen.adjusted(-tolerance, -tolerance, tolerance, tolerance)
             .contains(text.mapRectToScene(text.boundingRect())))
        complain("outside of what is seen");
}

/// Where it is in the window, but for a pixel at each side.
inline QRectF placeOf(const QQuickItem &text)
{
    return text.mapRectToScene(text.boundingRect()).adjusted(1, 1, -1, -1);
}

/// Calls \a use with each visible item.
template<typename Use>
void forEachItem(QQuickItem *item, Use use)
{
    if (!item->isVisible())
        return;
    use(item);
    const auto children = item->childItems();
    for (auto *child : children)
        forEachItem(child, use);
}

/// The texts of \a window that are not seen as they should be, and why; a line that says so if there is no text.
inline QStringList cutTexts(const QQuickWindow &window)
{
    QStringList wrong;
    QList<const QQuickItem *> texts;
    forEachItem(window.contentItem(), [&](QQuickItem *item) {
        if (!item->inherits("QQuickText") || item->property("text").toString().isEmpty())
            return;
        checkText(*item, window, wrong);
        const auto place = placeOf(*item);
        for (const auto *other : texts) {
            if (clipperOf(other) == clipperOf(item) && placeOf(*other).intersects(place))
                wrong += QStringLiteral("\"%1\" covers \"%2\"")
                             .arg(item->property("text").toString(), other->property("text").toString());
        }
        texts += item;
    });
    if (texts.size() < 20)
        wrong += QStringLiteral("there are %1 texts only").arg(texts.size());
    return wrong;
}

} // namespace Tests
