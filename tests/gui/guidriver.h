// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "until.h"

#include <QAbstractButton>
#include <QTest>
#include <QWidget>
#include <QWindow>

#include <chrono>

// The hands of a person: what is done to a platform window, and arrives at widgets as what the X server sends does.
namespace Tests {

inline void click(QWidget *widget, QPoint at)
{
    QTest::mouseClick(widget->window()->windowHandle(), Qt::LeftButton, {},
                      widget->mapTo(widget->window(), at));
}
inline void click(QWidget *widget)
{
    click(widget, widget->rect().center());
}

inline void press(QWidget *window, Qt::Key key, Qt::KeyboardModifiers modifiers = {})
{
    QTest::keyClick(window->windowHandle(), key, modifiers);
}

inline void type(QWidget *window, const QString &text)
{
    for (const QChar letter : text)
        QTest::keyClick(window->windowHandle(), letter.toLatin1());
}

/// The button of this text, with its mnemonic.
inline QAbstractButton *buttonOf(QWidget *window, const char *text)
{
    for (auto *button : window->findChildren<QAbstractButton *>()) {
        if (button->text() == QString::fromUtf8(text))
            return button;
    }
    return nullptr;
}

/// What has this name for a screen reader.
template<typename Widget>
Widget *named(QWidget *window, const char *accessibleName)
{
    for (auto *widget : window->findChildren<Widget *>()) {
        if (widget->accessibleName() == QString::fromUtf8(accessibleName))
            return widget;
    }
    return nullptr;
}

/// co_await: until \a window is on the screen and has the keyboard, which a window manager would give it.
inline QCoro::Task<> activate(MicroIO::CancelScope scope, QWidget *window)
{
    using namespace std::chrono_literals;
    co_await until(scope, QStringLiteral("the window is there"), 10s,
                   [&] { return window->windowHandle() && window->windowHandle()->isExposed(); });
    window->activateWindow();
    co_await until(scope, QStringLiteral("the window is active"), 10s,
                   [&] { return window->isActiveWindow(); });
}

} // namespace Tests
