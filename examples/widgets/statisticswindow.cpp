// SPDX-License-Identifier: Apache-2.0
#include "statisticswindow.h"

#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QScopeGuard>
#include <QTableWidget>
#include <QVBoxLayout>

#include <chrono>

using namespace MicroIO;
using namespace std::chrono_literals;

StatisticsWindow::StatisticsWindow(LoopServiceThread &service, const QString &folder, QWidget *parent)
    : QDialog(parent)
    , m_service(service)
    , m_folder(folder)
    , m_table(new QTableWidget(0, 3))
    , m_age(new QLabel(tr("Counting…")))
{
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(tr("Statistics"));

    auto *where = new QLabel(folder);
    where->setTextFormat(Qt::PlainText);
    where->setTextInteractionFlags(Qt::TextSelectableByMouse);
    where->setWordWrap(true);

    m_table->setHorizontalHeaderLabels({tr("Kind"), tr("Files"), tr("Bytes")});
    m_table->setAccessibleName(tr("Files by kind"));
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->verticalHeader()->hide();
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_table->setTabKeyNavigation(false);

    auto *buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);

    auto *layout = new QVBoxLayout(this);
    layout->addWidget(where);
    layout->addWidget(m_table);
    layout->addWidget(m_age);
    layout->addWidget(buttons);
    resize(420, 360);

    m_tasks.startSoon(QStringLiteral("count files"), &StatisticsWindow::count, this);
    m_tasks.startSoon(QStringLiteral("tell the age"), &StatisticsWindow::tellAge, this);
}

QCoro::Task<> StatisticsWindow::count(CancelScope scope)
{
    QString error;
    try {
        co_await m_service.waitStarted(scope);
        for (;;) {
            auto counts = createChannel<QList<SuffixCount>>({.capacity = 1});
            auto future = m_service.submit(
                [folder = m_folder, send = std::move(counts.send)](CancelScope own) mutable {
                    return countFolder(own, folder, std::move(send));
                });
            // The window may go while it waits for counts: then nobody wants them any more.
            auto cancelled = qScopeGuard([&] { future.cancel(); });
            while (auto list = co_await counts.receive.next(scope))
                showCounts(*list);
            cancelled.dismiss();
            co_await scope.cancellable(future);
            co_await scope.sleep(1s);
        }
    } catch (const std::exception &) {
        error = describe(std::current_exception());
    }
    m_total = error; // the service has ended
}

QCoro::Task<> StatisticsWindow::tellAge(CancelScope scope)
{
    for (;;) {
        co_await scope.sleep(100ms);
        if (m_counted.isValid())
            m_age->setText(tr("%1, counted %2 s ago")
                               .arg(m_total, QLocale().toString(double(m_counted.elapsed()) / 1000, 'f', 1)));
        else if (!m_total.isEmpty())
            m_age->setText(m_total);
    }
}

void StatisticsWindow::showCounts(const QList<SuffixCount> &counts)
{
    constexpr int maximumRows = 100;
    const QLocale locale;
    qint64 files = 0;
    const int rows = std::min(int(counts.size()), maximumRows);
    m_table->setRowCount(rows);
    for (int row = 0; row < counts.size(); ++row) {
        const SuffixCount &count = counts.at(row);
        files += count.files;
        if (row >= rows)
            continue;
        const QString kind = count.suffix.isEmpty() ? tr("(none)") : count.suffix;
        const QString texts[] = {kind, locale.toString(count.files), locale.toString(count.bytes)};
        for (int column = 0; column < 3; ++column) {
            auto *item = new QTableWidgetItem(texts[column]);
            if (column > 0)
                item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
            m_table->setItem(row, column, item);
        }
    }
    m_total = tr("Files: %1").arg(locale.toString(files));
    m_counted.start();
}
