// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "folderjobs.h"

#include <MicroIO/LoopServiceThread>
#include <MicroIO/TaskGroup>

#include <QDialog>
#include <QElapsedTimer>

class QLabel;
class QTableWidget;

/// What kinds of files there are in a folder, counted again and again as long as the window is open. It may be closed, and
/// that deletes it, at any moment.
class StatisticsWindow : public QDialog
{
    Q_OBJECT

public:
    StatisticsWindow(MicroIO::LoopServiceThread &service, const QString &folder, QWidget *parent = nullptr);

private:
    QCoro::Task<> count(MicroIO::CancelScope scope);
    QCoro::Task<> tellAge(MicroIO::CancelScope scope);
    void showCounts(const QList<SuffixCount> &counts);

    MicroIO::LoopServiceThread &m_service;
    const QString m_folder;
    QTableWidget *m_table;
    QLabel *m_age;
    QString m_total;
    QElapsedTimer m_counted;
    MicroIO::TaskGroup m_tasks{this}; // the last member
};
