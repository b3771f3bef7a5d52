// SPDX-License-Identifier: Apache-2.0
// Services under a supervisor, live: see servicedashboard --help.

#include "commandline.h"
#include "crew.h"
#include "dashboardwindow.h"
#include "picture.h"

#include <MicroIO/Application>

#include <QGuiApplication>
#include <QQuickWindow>

#include <cstdio>
#include <exception>

using namespace MicroIO;
using namespace std::chrono_literals;

/// co_await: plays \a scene for whoever looks, and goes on until the application quits.
static QCoro::Task<int> show(CancelScope scope, Crew &crew, Scenes::Scene scene)
{
    auto playing = Scenes::play(scope, crew, scene);
    co_await playing;
    co_await scope.cancelled();
    co_return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    QStringList arguments;
    for (int i = 0; i < argc; ++i)
        arguments += QString::fromLocal8Bit(argv[i]);
    const auto commandLine = CommandLine::parse(arguments);
    if (const auto &exit = commandLine.exit) {
        std::fprintf(exit->status == EXIT_SUCCESS ? stdout : stderr, "%s\n", qPrintable(exit->text));
        return exit->status;
    }
    const bool takesPicture = !commandLine.screenshot.isEmpty();
    if (takesPicture)
        drawOffScreen();

    QGuiApplication app(argc, argv);
    QGuiApplication::setApplicationDisplayName(QStringLiteral("Services"));
    try {
        auto options = commandLine.scene ? Scenes::stillOptions() : CrewOptions();
        options.folder = commandLine.folder;
        Crew crew(options);
        DashboardWindow dashboard(crew, commandLine.size);
        if (commandLine.isDark)
            dashboard.setDark(true);
        crew.start();

        std::function<QCoro::Task<int>(CancelScope)> body;
        if (takesPicture) {
            body = [&](CancelScope scope) {
                return takePicture(scope, commandLine, crew, dashboard.window());
            };
        } else if (commandLine.scene) {
            body = [&](CancelScope scope) { return show(scope, crew, *commandLine.scene); };
        }
        return runApplication(app, 2s, body);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "servicedashboard: %s\n", error.what());
        return EXIT_FAILURE;
    }
}
