// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/changelisteners_p.h"

#include <QDateTime>
#include <QString>

#include <memory>
#include <vector>

class QObject;

namespace MicroIO::Detail {

/// What went wrong with a service, and what was done about it.
struct IncidentFacts
{
    quint64 number = 0;
    QDateTime time;
    QString service;
    QString cause;
    QString action;
    qint64 uptime = 0; // in milliseconds
};

/// Where incidents come from. Any thread.
class MICROIO_EXPORT IncidentSource
{
public:
    IncidentSource() = default;
    virtual ~IncidentSource();
    Q_DISABLE_COPY_MOVE(IncidentSource)

    /// The last ones, in the order of their numbers; none once the source has gone.
    virtual std::vector<IncidentFacts> incidents() const = 0;
    /// Hear of new ones, and of the end of the source.
    virtual std::shared_ptr<ChangeListeners> changes() const = 0;

    /// Of a Supervisor; null for anything else, and for null. Whoever calls it knows that \a object lives meanwhile.
    static std::shared_ptr<IncidentSource> of(QObject *object);
};

} // namespace MicroIO::Detail
