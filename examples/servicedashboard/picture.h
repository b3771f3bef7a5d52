// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "commandline.h"

#include <MicroIO/CancelScope>

#include <QCoroTask>

class Crew;
class QQuickWindow;

/// Has what is drawn drawn off-screen, unless the environment says otherwise. Before the application object is made.
void drawOffScreen();

/// co_await: plays the scene and writes the picture that \a commandLine asks for; gives the program's exit status. All three
/// must outlive it.
QCoro::Task<int> takePicture(MicroIO::CancelScope scope, const CommandLine &commandLine, Crew &crew,
                             QQuickWindow &window);
