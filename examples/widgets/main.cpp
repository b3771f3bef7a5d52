// SPDX-License-Identifier: Apache-2.0
// The checksums of a folder's files, in a window:
//
//   checksums [FOLDER]       without a folder: the sources of this program

#include "mainwindow.h"

#include <MicroIO/Application>

#include <QApplication>
#include <QDir>

#include <chrono>

int main(int argc, char **argv)
{
    QApplication app(argc, argv);
    QApplication::setApplicationName(QStringLiteral("checksums"));

    FolderServices services;
    services.group.start(); // and the window is there at once
    MainWindow window(services);
    const QString sources = QStringLiteral(CHECKSUMS_SOURCES);
    window.setFolder(app.arguments().value(1, QDir(sources).exists() ? sources : QDir::homePath()));
    window.show();
    return MicroIO::runApplication(app, std::chrono::seconds(2));
}
