// SPDX-License-Identifier: Apache-2.0
#include "picture.h"

#include "crew.h"

#include <MicroIO/Clock>
#include <MicroIO/Errors>
#include <MicroIO/Timeouts>

#include <QImage>
#include <QImageWriter>
#include <QQuickWindow>
#include <QTemporaryDir>

#include <cstdio>
#include <stdexcept>

using namespace MicroIO;
using namespace std::chrono_literals;

static void setUnlessSet(const char *variable, const QByteArray &value)
{
    if (qEnvironmentVariableIsEmpty(variable))
        qputenv(variable, value);
}

void drawOffScreen()
{
    setUnlessSet("QT_QPA_PLATFORM", "offscreen");
    setUnlessSet("QT_QUICK_BACKEND", "software");
    static const QTemporaryDir runtime; // without a session there is none, of which Qt complains
    setUnlessSet("XDG_RUNTIME_DIR", runtime.path().toLocal8Bit());
}

static void write(const QString &fileName, const QImage &picture)
{
    QImageWriter writer(fileName);
    writer.setCompression(100); // of 100
    if (!writer.write(picture))
        throw std::runtime_error(fileName.toStdString() + ": " + writer.errorString().toStdString());
}

QCoro::Task<int> takePicture(CancelScope scope, const CommandLine &commandLine, Crew &crew,
                             QQuickWindow &window)
{
    const Deadline due = now() + commandLine.after;
    try {
        const auto play = [&](CancelScope limited) {
            return Scenes::play(limited, crew, *commandLine.scene);
        };
        co_await failAfter(scope, 1min, play);
        co_await scope.sleep(
            std::max<std::chrono::nanoseconds>(due - now(), 100ms)); // the views follow a little later
        const QImage picture = window.grabWindow();
        if (picture.isNull())
            throw std::runtime_error("the window cannot be drawn");
        write(commandLine.screenshot, picture);
        co_return EXIT_SUCCESS;
    } catch (const std::exception &) {
        std::fprintf(stderr, "servicedashboard: no picture: %s\n",
                     qPrintable(describe(std::current_exception())));
        co_return EXIT_FAILURE;
    }
}
