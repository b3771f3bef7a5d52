// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "checksummodel.h"
#include "folderservices.h"
#include "latestsearch.h"
#include "pathfilter.h"

#include <MicroIO/ServiceModel>
#include <MicroIO/TaskGroup>

#include <QElapsedTimer>
#include <QFutureWatcher>
#include <QMainWindow>
#include <QPointer>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;
class QTableView;
class StatisticsWindow;

/// Computes the checksums of a folder's files, and never waits for anything: what lasts is a coroutine in its task group, and
/// ends with the window.
class MainWindow : public QMainWindow
{
    Q_OBJECT

public:
    /// \a services must outlive it.
    explicit MainWindow(FolderServices &services, QWidget *parent = nullptr);

    void setFolder(const QString &folder);

protected:
    void closeEvent(QCloseEvent *event) override;

private:
    QWidget *makeControls();
    void makeTable();
    void makeServiceTable();
    void makeMenus();

    void start();
    void cancel();
    void setWorking(bool isWorking);
    void showStatistics(bool isShown);
    void showSearch(const QString &text, const QStringList &paths);

    QCoro::Task<> compute(MicroIO::CancelScope scope, QString folder,
                          QCryptographicHash::Algorithm algorithm);
    QCoro::Task<FolderSummary> receiveRows(MicroIO::CancelScope scope, QString folder,
                                           QCryptographicHash::Algorithm algorithm);
    QCoro::Task<QStringList> search(MicroIO::CancelScope scope, QString text);
    QCoro::Task<> chooseFolder(MicroIO::CancelScope scope);

    FolderServices &m_services;
    ChecksumModel m_model;
    PathFilter m_filter;
    MicroIO::ServiceModel m_serviceModel;
    LatestSearch m_search;
    QFutureWatcher<FolderSummary> m_work;
    QElapsedTimer m_sinceCancel;
    QPointer<StatisticsWindow> m_statistics;

    QLineEdit *m_folder;
    QComboBox *m_algorithm;
    QPushButton *m_start;
    QPushButton *m_cancel;
    QCheckBox *m_showStatistics;
    QProgressBar *m_progress;
    QLineEdit *m_find;
    QTableView *m_table;
    QLabel *m_status;

    MicroIO::TaskGroup m_tasks{this}; // the last member
};
