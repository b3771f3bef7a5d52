// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>
#include <QString>

namespace Tests {

/// Has signals of each kind, and tells whether anybody listens.
class Emitter : public QObject
{
    Q_OBJECT

public:
    using QObject::QObject;

    int listeners() const
    {
        return receivers(SIGNAL(nothing())) + receivers(SIGNAL(one(int)))
               + receivers(SIGNAL(two(int, QString))) + receivers(SIGNAL(destroyed(QObject *)));
    }

Q_SIGNALS:
    void nothing();
    void one(int number);
    void two(int number, const QString &text);
};

} // namespace Tests
