// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/CancelScope>

#include <QCoroTask>
#include <QMetaEnum>

class Crew;
struct CrewOptions;

/// States of a Crew that are worth a picture.
namespace Scenes {
Q_NAMESPACE

enum class Scene {
    Healthy, ///< all run, and have done something
    Failed, ///< one has failed for good, another was stopped, a third was restarted after a crash
    Paused, ///< one has crashed too often, and waits
};
Q_ENUM_NS(Scene)

/// Options under which a scene stays as it is.
CrewOptions stillOptions();

/// co_await: brings \a crew, which was started, there. Without a limit; \a crew must outlive it. Throws Cancelled.
QCoro::Task<> play(MicroIO::CancelScope scope, Crew &crew, Scene scene);

} // namespace Scenes
