// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/ServiceGroup>

/// The threads of this program: one for each kind of work, so that none waits for another.
struct FolderServices
{
    MicroIO::ServiceGroup group;
    MicroIO::LoopServiceThread &checksums = add(QStringLiteral("checksums"));
    MicroIO::LoopServiceThread &search = add(QStringLiteral("search"));
    MicroIO::LoopServiceThread &statistics = add(QStringLiteral("statistics"));

private:
    MicroIO::LoopServiceThread &add(const QString &name)
    {
        return group.add(MicroIO::makeService<MicroIO::LoopServiceThread>(name));
    }
};
