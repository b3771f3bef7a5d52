// SPDX-License-Identifier: Apache-2.0
#include "mainwindow.h"

#include "statisticswindow.h"

#include <QAction>
#include <QCheckBox>
#include <QCloseEvent>
#include <QComboBox>
#include <QDir>
#include <QDockWidget>
#include <QFileDialog>
#include <QGridLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QMenuBar>
#include <QProgressBar>
#include <QPushButton>
#include <QScopeGuard>
#include <QShortcut>
#include <QStatusBar>
#include <QStyle>
#include <QTableView>
#include <QVBoxLayout>

using namespace MicroIO;

MainWindow::MainWindow(FolderServices &services, QWidget *parent)
    : QMainWindow(parent)
    , m_services(services)
    , m_serviceModel(&services.group)
    , m_search([this](CancelScope scope, QString text) { return search(scope, text); })
    , m_folder(new QLineEdit)
    , m_algorithm(new QComboBox)
    , m_start(new QPushButton(tr("&Start")))
    , m_cancel(new QPushButton(tr("&Cancel")))
    , m_showStatistics(new QCheckBox(tr("S&tatistics")))
    , m_progress(new QProgressBar)
    , m_find(new QLineEdit)
    , m_table(new QTableView)
    , m_status(new QLabel(tr("Ready")))
{
    setWindowTitle(tr("Checksums"));
    makeTable();
    auto *central = new QWidget;
    auto *layout = new QVBoxLayout(central);
    layout->addWidget(makeControls());
    layout->addWidget(m_table);
    setCentralWidget(central);
    makeServiceTable();
    makeMenus();

    m_status->setTextFormat(Qt::PlainText);
    m_status->setAccessibleName(tr("State of the work"));
    m_status->setSizePolicy(QSizePolicy::Ignored,
                            QSizePolicy::Preferred); // a long path must not widen the window
    statusBar()->addWidget(m_status, 1);

    connect(m_start, &QPushButton::clicked, this, &MainWindow::start);
    connect(m_folder, &QLineEdit::returnPressed, this, &MainWindow::start);
    connect(m_cancel, &QPushButton::clicked, this, &MainWindow::cancel);
    connect(new QShortcut(QKeySequence::Cancel, this), &QShortcut::activated, this, &MainWindow::cancel);
    connect(m_showStatistics, &QCheckBox::toggled, this, &MainWindow::showStatistics);
    connect(&m_work, &QFutureWatcherBase::progressRangeChanged, m_progress, &QProgressBar::setRange);
    connect(&m_work, &QFutureWatcherBase::progressValueChanged, m_progress, &QProgressBar::setValue);
    connect(m_find, &QLineEdit::textChanged, &m_search, &LatestSearch::type);
    connect(&m_search, &LatestSearch::began, m_status, [this](const QString &text) {
        if (!text.isEmpty())
            m_status->setText(tr("Searching for “%1”…").arg(text));
    });
    connect(&m_search, &LatestSearch::found, this, &MainWindow::showSearch);
    connect(&m_search, &LatestSearch::failed, m_status, [this](const QString &text, const QString &error) {
        m_status->setText(tr("“%1” cannot be searched for: %2").arg(text, error));
    });
    setWorking(false);
    resize(820, 540);
}

void MainWindow::setFolder(const QString &folder)
{
    m_folder->setText(QDir::toNativeSeparators(folder));
}

void MainWindow::closeEvent(QCloseEvent *event)
{
    if (m_statistics)
        m_statistics->close();
    QMainWindow::closeEvent(event);
}

QWidget *MainWindow::makeControls()
{
    m_algorithm->addItem(QStringLiteral("SHA-256"), QCryptographicHash::Sha256);
    m_algorithm->addItem(QStringLiteral("SHA-512"), QCryptographicHash::Sha512);
    m_algorithm->addItem(QStringLiteral("SHA-1"), QCryptographicHash::Sha1);
    m_algorithm->addItem(QStringLiteral("MD5"), QCryptographicHash::Md5);
    auto *folderLabel = new QLabel(tr("Fo&lder:"));
    folderLabel->setBuddy(m_folder);
    auto *algorithmLabel = new QLabel(tr("&Algorithm:"));
    algorithmLabel->setBuddy(m_algorithm);
    auto *findLabel = new QLabel(tr("Fi&nd:"));
    findLabel->setBuddy(m_find);
    auto *choose = new QPushButton(tr("C&hoose…"));
    connect(choose, &QPushButton::clicked, this, [this] {
        m_tasks.startSoon(QStringLiteral("choose a folder"), &MainWindow::chooseFolder, this);
    });

    m_folder->setAccessibleName(tr("Folder"));
    m_algorithm->setAccessibleName(tr("Algorithm"));
    m_find->setAccessibleName(tr("Find"));
    m_progress->setAccessibleName(tr("Progress"));
    m_find->setPlaceholderText(tr("text in names or contents of files"));
    m_find->setClearButtonEnabled(true);
    m_find->setToolTip(tr("Shows only the files that have this text in their names or contents"));
    m_start->setToolTip(tr("Computes the checksum of every file in the folder and in those below it"));
    m_cancel->setToolTip(tr("Stops the work; what is done stays (Esc)"));
    m_showStatistics->setToolTip(tr("What kinds of files there are, in a window of its own"));

    auto *controls = new QWidget;
    auto *grid = new QGridLayout(controls);
    grid->setContentsMargins({});
    grid->addWidget(folderLabel, 0, 0);
    grid->addWidget(m_folder, 0, 1, 1, 3);
    grid->addWidget(choose, 0, 4);
    grid->addWidget(algorithmLabel, 1, 0);
    grid->addWidget(m_algorithm, 1, 1);
    grid->addWidget(m_start, 1, 2);
    grid->addWidget(m_cancel, 1, 3);
    grid->addWidget(m_showStatistics, 1, 4);
    grid->addWidget(m_progress, 2, 0, 1, 5);
    grid->addWidget(findLabel, 3, 0);
    grid->addWidget(m_find, 3, 1, 1, 4);
    grid->setColumnStretch(1, 1);
    return controls;
}

void MainWindow::makeTable()
{
    m_model.setErrorIcon(style()->standardIcon(QStyle::SP_MessageBoxWarning));
    m_filter.setSourceModel(&m_model);
    m_table->setModel(&m_filter);
    m_table->setAccessibleName(tr("Files and their checksums"));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setAlternatingRowColors(true);
    m_table->setWordWrap(false);
    m_table->setTabKeyNavigation(false);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 8);
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->horizontalHeader()->setSortIndicatorClearable(true);
    m_table->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder);
    m_table->horizontalHeader()->resizeSection(ChecksumModel::PathColumn, 240);
}

void MainWindow::makeServiceTable()
{
    auto *table = new QTableView;
    table->setModel(&m_serviceModel);
    table->setAccessibleName(tr("Services"));
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setTabKeyNavigation(false);
    for (const int column : {ServiceModel::RestartCountColumn, ServiceModel::PendingRequestsColumn})
        table->hideColumn(column); // nobody restarts them, and they have no registries
    table->verticalHeader()->hide();
    table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 8);
    table->horizontalHeader()->setStretchLastSection(true);
    auto *dock = new QDockWidget(tr("Services"));
    dock->setObjectName(QStringLiteral("services"));
    dock->setWidget(table);
    addDockWidget(Qt::BottomDockWidgetArea, dock);
    resizeDocks({dock}, {130}, Qt::Vertical);
}

void MainWindow::makeMenus()
{
    auto *file = menuBar()->addMenu(tr("&File"));
    auto *choose = file->addAction(tr("&Choose a folder…"), this, [this] {
        m_tasks.startSoon(QStringLiteral("choose a folder"), &MainWindow::chooseFolder, this);
    });
    choose->setShortcut(QKeySequence::Open);
    file->addSeparator();
    file->addAction(tr("&Quit"), this, &QWidget::close)->setShortcut(QKeySequence::Quit);
    auto *view = menuBar()->addMenu(tr("&View"));
    view->addAction(findChild<QDockWidget *>()->toggleViewAction());
}

void MainWindow::start()
{
    if (!m_start->isEnabled())
        return; // Return was pressed while it works
    setWorking(true);
    m_model.clear();
    m_tasks.startSoon(QStringLiteral("compute checksums"), &MainWindow::compute, this,
                      QDir::fromNativeSeparators(m_folder->text()),
                      m_algorithm->currentData().value<QCryptographicHash::Algorithm>());
}

void MainWindow::cancel()
{
    if (!m_cancel->isEnabled())
        return;
    m_cancel->setEnabled(false);
    m_sinceCancel.start();
    m_work.cancel();
}

void MainWindow::setWorking(bool isWorking)
{
    m_start->setEnabled(!isWorking);
    m_cancel->setEnabled(false); // until there is something to cancel
    if (isWorking)
        m_table->sortByColumn(-1, Qt::AscendingOrder); // to sort rows in one by one would cost too much
    m_table->setSortingEnabled(!isWorking);
    if (m_progress->maximum() == 0)
        m_progress->setRange(0, 1);
    if (isWorking)
        m_progress->reset();
}

void MainWindow::showStatistics(bool isShown)
{
    if (!isShown) {
        if (m_statistics)
            m_statistics->close();
        return;
    }
    m_statistics = new StatisticsWindow(m_services.statistics, QDir::fromNativeSeparators(m_folder->text()),
                                        this);
    connect(m_statistics, &QDialog::finished, m_showStatistics,
            [this] { m_showStatistics->setChecked(false); });
    m_statistics->show();
}

void MainWindow::showSearch(const QString &text, const QStringList &paths)
{
    if (text.isEmpty()) {
        m_filter.showAll();
        return;
    }
    m_filter.showOnly(paths);
    m_status->setText(tr("Files with “%1”: %2").arg(text, QLocale().toString(paths.size())));
}

QCoro::Task<> MainWindow::compute(CancelScope scope, QString folder, QCryptographicHash::Algorithm algorithm)
{
    const QLocale locale;
    QElapsedTimer timer;
    timer.start();
    m_status->setText(tr("Reading %1").arg(folder));
    QString end;
    try {
        const FolderSummary summary = co_await receiveRows(scope, folder, algorithm);
        end = tr("Files: %1 (%2), errors: %3, in %4 s")
                  .arg(locale.toString(summary.files), locale.formattedDataSize(summary.bytes),
                       locale.toString(summary.errors),
                       locale.toString(double(timer.elapsed()) / 1000, 'f', 1));
    } catch (const BrokenResourceError &) {
        end = tr("Cancelled after %1 rows; the work ended within %2 ms")
                  .arg(locale.toString(m_model.rowCount()), locale.toString(m_sinceCancel.elapsed()));
    } catch (const std::exception &) {
        end = describe(std::current_exception());
    }
    m_status->setText(end);
    setWorking(false);
}

QCoro::Task<FolderSummary> MainWindow::receiveRows(CancelScope scope, QString folder,
                                                   QCryptographicHash::Algorithm algorithm)
{
    co_await m_services.checksums.waitStarted(scope);
    auto rows = createChannel<FileChecksum>(
        {.capacity = 1000}); // the disk is not to be faster than the window
    m_services.checksums.watch(QStringLiteral("rows"), rows.receive);
    auto future = m_services.checksums.submit(
        [folder, algorithm, send = std::move(rows.send)](CancelScope own,
                                                         LoopServiceThread::Progress progress) mutable {
            return checksumFolder(own, progress, folder, algorithm, std::move(send));
        });
    auto abandon = qScopeGuard([&] { future.cancel(); }); // the window goes
    m_work.setFuture(future);
    m_cancel->setEnabled(true);

    // Until the work and with it its end of the channel is gone, also when it was cancelled: what was done is shown.
    for (;;) {
        auto batch = co_await rows.receive.nextBatch(scope);
        if (batch.empty())
            break;
        m_model.append(std::move(batch));
    }
    abandon.dismiss();
    co_return co_await scope.cancellable(future);
}

QCoro::Task<QStringList> MainWindow::search(CancelScope scope, QString text)
{
    if (text.isEmpty())
        co_return QStringList();
    co_await m_services.search.waitStarted(scope);
    const QString folder = QDir::fromNativeSeparators(m_folder->text());
    const auto job = [folder, text](CancelScope own) { return searchFolder(own, folder, text); };
    co_return co_await scope.cancellable(m_services.search.submit(job));
}

QCoro::Task<> MainWindow::chooseFolder(CancelScope scope)
{
    QFileDialog dialog(this, tr("Choose a folder"), m_folder->text());
    dialog.setFileMode(QFileDialog::Directory);
    dialog.setOption(QFileDialog::ShowDirsOnly);
    dialog.open();
    if (co_await scope.cancellable(&dialog, &QDialog::finished) == QDialog::Accepted)
        m_folder->setText(QDir::toNativeSeparators(dialog.selectedFiles().value(0)));
}
