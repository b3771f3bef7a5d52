// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scenes.h"

#include <QSize>
#include <QString>
#include <QStringList>

#include <chrono>
#include <optional>

/// What the program is told by its arguments.
struct CommandLine
{
    /// What the program prints before it exits at once, and how.
    struct Exit
    {
        QString text;
        int status;
    };

    /// \a arguments with the program's name. Needs no application object.
    static CommandLine parse(const QStringList &arguments);

    std::optional<Exit> exit; ///< --help, --version, or an error: the rest has no meaning then
    QString screenshot; ///< the file of a picture that is taken; empty: none
    std::chrono::milliseconds after{0}; ///< since the program's start
    std::optional<Scenes::Scene> scene;
    QSize size{1000, 700};
    bool isDark = false;
    QString folder; ///< what is watched; empty: the program's own
};
