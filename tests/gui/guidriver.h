// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/Test>
#include <MicroIO/Timeouts>

#include <QAbstractButton>
#include <QElapsedTimer>
#include <QTest>
#include <QWidget>
#include <QWindow>

#include <chrono>
#include <functional>

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

/// co_await: until \a condition holds; gives how long that took. After \a limit the test fails. It is looked at often, because
/// a person sees everything at once.
inline QCoro::Task<std::chrono::milliseconds> until(MicroIO::CancelScope scope, QString what,
                                                    std::chrono::milliseconds limit,
                                                    std::function<bool()> condition)
{
    using namespace std::chrono_literals;
    QElapsedTimer timer;
    timer.start();
    const auto look = [&](MicroIO::CancelScope own) -> QCoro::Task<> {
        while (!condition())
            co_await own.sleep(1ms);
    };
    const bool isThere = co_await moveOnAfter(scope, limit, look);
    if (!isThere)
        qWarning("not within %lld ms: %s", static_cast<long long>(limit.count()), qPrintable(what));
    MICROIO_CO_VERIFY(isThere);
    co_return std::chrono::milliseconds(timer.elapsed());
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
