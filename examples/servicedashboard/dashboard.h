// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QObject>
#include <QStringList>
#include <QTimer>
#include <QVariantMap>
#include <QtQml/qqmlregistration.h>

class Crew;

/// A Crew as the window sees it.
class Dashboard : public QObject
{
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("The program makes it.")
    /// For the views.
    Q_PROPERTY(QObject *supervisor READ supervisor CONSTANT)
    /// What each service has done, for people, by its name.
    Q_PROPERTY(QVariantMap work READ work NOTIFY workChanged)
    /// How all are, in one line.
    Q_PROPERTY(QString summary READ summary NOTIFY summaryChanged)
    /// The service that freezeJournal() freezes.
    Q_PROPERTY(QString journal READ journal CONSTANT)

public:
    /// \a crew must outlive it.
    explicit Dashboard(Crew &crew, QObject *parent = nullptr);

    QObject *supervisor() const;
    QVariantMap work() const { return m_work; }
    QString summary() const { return m_summary; }
    QString journal() const;

    Q_INVOKABLE void crash(const QString &name);
    Q_INVOKABLE void freezeJournal();

Q_SIGNALS:
    void workChanged();
    void summaryChanged();

private:
    void update();

    Crew &m_crew;
    QTimer m_timer;
    QVariantMap m_work;
    QString m_summary;
};
