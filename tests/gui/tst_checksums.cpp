// SPDX-License-Identifier: Apache-2.0
#include "guidriver.h"
#include "stallwatch.h"

#include "../auto/shared/sanitized.h"

#include "mainwindow.h"
#include "statisticswindow.h"

#include <MicroIO/Application>
#include <MicroIO/Test>

#include <QApplication>
#include <QDialogButtonBox>
#include <QDir>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QTableView>
#include <QTableWidget>
#include <QTemporaryDir>
#include <QtTest/QtTest>

#include <chrono>
#include <functional>
#include <optional>
#include <thread>

using namespace MicroIO;
using namespace Tests;
using namespace std::chrono_literals;

namespace {

QString text(const char *utf8)
{
    return QString::fromUtf8(utf8);
}

bool makeFile(const QString &path, const QByteArray &contents, qint64 size = -1)
{
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(contents) == contents.size()
           && (size < 0 || file.resize(size));
}

} // namespace

/// examples/widgets as a person uses it: its window in an X server, moved by the mouse and the keyboard.
class tst_Checksums : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();

    void startCancelStartAndClose();
    void theSecondWindowComesAndGoes();
    void everythingByKeyboard();
    void aFolderVanishesWhileItIsRead();

private:
    using Steps = std::function<QCoro::Task<>(CancelScope)>;

    void use(const QString &folder, const Steps &steps);
    qsizetype rows() const { return m_table->model()->rowCount(); }
    QString status() const { return m_status->text(); }

    std::optional<QTemporaryDir> m_files;
    QString m_small; // 10,000 small files
    QString m_endless; // the same, and one that takes long

    std::optional<WarningGuard> m_warnings;
    std::optional<LeftoverGuard> m_leftovers;
    MainWindow *m_window = nullptr;
    QAbstractButton *m_start = nullptr;
    QAbstractButton *m_cancel = nullptr;
    QAbstractButton *m_statistics = nullptr;
    QTableView *m_table = nullptr;
    QLabel *m_status = nullptr;
};

void tst_Checksums::initTestCase()
{
    QLocale::setDefault(QLocale(QLocale::English));
    QCOMPARE(QGuiApplication::platformName(), text("xcb"));
    m_files.emplace();
    m_endless = m_files->path();
    m_small = m_files->filePath(text("small"));
    QVERIFY(QDir().mkpath(m_small));
    for (int i = 0; i < 10'000; ++i) {
        const QString name = text("file-%1.txt").arg(i, 5, 10, QLatin1Char('0'));
        QVERIFY(makeFile(m_small + QLatin1Char('/') + name, QByteArray::number(i).repeated(100)));
    }
    QVERIFY(makeFile(m_files->filePath(text("the last one")), {},
                     1'000'000'000'000)); // of zeros that take no place
}

void tst_Checksums::init()
{
    m_warnings.emplace();
    m_leftovers.emplace();
}

void tst_Checksums::cleanup()
{
    m_leftovers.reset();
    m_warnings.reset();
}

/// main() of the example, with somebody who follows \a steps, and quits.
void tst_Checksums::use(const QString &folder, const Steps &steps)
{
    std::optional<StallWatch> stalls;
    StallWatch::Milliseconds longest{0};
    StallWatch::Milliseconds ofTheMachine{0};
    QElapsedTimer quitting;
    int code = -1;
    {
        FolderServices services;
        services.group.start();
        MainWindow window(services);
        window.setFolder(folder);
        window.show();
        m_window = &window;
        m_start = buttonOf(&window, "&Start");
        m_cancel = buttonOf(&window, "&Cancel");
        m_statistics = buttonOf(&window, "S&tatistics");
        m_table = named<QTableView>(&window, "Files and their checksums");
        m_status = named<QLabel>(&window, "State of the work");
        const auto body = [&](CancelScope scope) -> QCoro::Task<int> {
            co_await activate(scope, &window);
            stalls.emplace(); // what it takes to load fonts and the like before is no stall
            co_await steps(scope);
            co_await activate(scope, &window);
            quitting.start();
            press(&window, Qt::Key_Q, Qt::ControlModifier);
            co_await scope.cancelled(); // the application quits
            co_return 2;
        };
        code = runApplication(*qApp, 2s, body);
        if (stalls) {
            longest = stalls->longest();
            ofTheMachine = stalls->longestOfTheMachine();
        }
    }
    QVERIFY(quitting.isValid());
    const qint64 quit = quitting.elapsed();
    qInfo(
        "the GUI thread was away from its event loop for %lld ms at most, an idle thread from its processor for %lld ms; "
        "quitting took %lld ms",
        static_cast<long long>(longest.count()), static_cast<long long>(ofTheMachine.count()),
        static_cast<long long>(quit));
    QCOMPARE(code, 0);
    QVERIFY(quit < 1'000 * slowness);
#ifndef MICROIO_TEST_SANITIZED
    // A person begins to notice a stall of 100 ms. What other programs took from the whole machine is no stall of ours; a
    // sanitizer makes everything so slow that the figure says nothing.
    QVERIFY(longest - ofTheMachine < 100ms);
#endif
}

void tst_Checksums::startCancelStartAndClose()
{
    use(m_endless, [this](CancelScope scope) -> QCoro::Task<> {
        click(m_start);
        MICROIO_CO_VERIFY(!m_start->isEnabled());
        co_await until(scope, text("some rows are there"), 5s * slowness, [&] { return rows() >= 2'000; });

        click(m_cancel);
        const auto took = co_await until(scope, text("the work has ended"), 100ms * slowness,
                                         [&] { return status().startsWith(text("Cancelled after ")); });
        qInfo("cancelled in the middle, within %lld ms: %s", static_cast<long long>(took.count()),
              qPrintable(status()));
        MICROIO_CO_VERIFY(rows() < 10'000);
        MICROIO_CO_VERIFY(m_start->isEnabled() && !m_cancel->isEnabled());
        const auto done = rows();
        co_await scope.sleep(50ms); // of real time: nothing more comes
        MICROIO_CO_COMPARE(rows(), done);

        click(m_start);
        MICROIO_CO_COMPARE(rows(), 0);
        co_await until(scope, text("some rows are there again"), 5s * slowness,
                       [&] { return rows() >= 2'000; });
        MICROIO_CO_VERIFY(m_cancel->isEnabled());
        // and the window is closed while it works
    });
}

void tst_Checksums::theSecondWindowComesAndGoes()
{
    use(m_endless, [this](CancelScope scope) -> QCoro::Task<> {
        click(m_start);
        std::chrono::milliseconds longest{0};
        for (int round = 0; round < 50; ++round) {
            QElapsedTimer timer;
            timer.start();
            click(m_statistics);
            QPointer<StatisticsWindow> second = m_window->findChild<StatisticsWindow *>();
            MICROIO_CO_VERIFY(second);
            co_await activate(scope, second);
            if (round % 2 == 0) { // else it is closed while it counts for the first time
                co_await until(scope, text("it has counted"), 5s * slowness,
                               [&] { return second->findChild<QTableWidget *>()->rowCount() > 0; });
            }
            if (round % 3 == 0)
                click(second->findChild<QDialogButtonBox *>()->button(QDialogButtonBox::Close));
            else if (round % 3 == 1)
                press(second, Qt::Key_Escape);
            else
                click(m_statistics);
            co_await until(scope, text("it is gone"), 1s * slowness, [&] { return !second; });
            MICROIO_CO_VERIFY(!m_statistics->isChecked());
            longest = std::max(longest, std::chrono::milliseconds(timer.elapsed()));
        }
        qInfo("50 rounds, the longest of %lld ms", static_cast<long long>(longest.count()));
        MICROIO_CO_VERIFY(m_cancel->isEnabled()); // the work has gone on all the time
        click(m_statistics); // and the window is closed with the other one open
    });
}

void tst_Checksums::everythingByKeyboard()
{
    use(text("/"), [this](CancelScope scope) -> QCoro::Task<> {
        press(m_window, Qt::Key_L, Qt::AltModifier);
        press(m_window, Qt::Key_A, Qt::ControlModifier);
        type(m_window, m_small);
        press(m_window, Qt::Key_Return);
        const auto took = co_await until(scope, text("all is done"), 30s * slowness,
                                         [&] { return status().startsWith(text("Files: ")); });
        qInfo("10,000 files within %lld ms: %s", static_cast<long long>(took.count()), qPrintable(status()));
        MICROIO_CO_COMPARE(rows(), 10'000);
        const auto *progress = named<QProgressBar>(m_window, "Progress");
        MICROIO_CO_COMPARE(progress->value(), progress->maximum());

        // Each letter makes the search for those before it pointless; only the last one shows.
        press(m_window, Qt::Key_N, Qt::AltModifier);
        type(m_window, text("file-0123"));
        co_await until(scope, text("the search has ended"), 5s * slowness,
                       [&] { return status() == text("Files with “file-0123”: 10"); });
        MICROIO_CO_COMPARE(rows(), 10);
        for (int i = 0; i < 9; ++i)
            press(m_window, Qt::Key_Backspace);
        co_await until(scope, text("all rows are back"), 5s * slowness, [&] { return rows() == 10'000; });

        press(m_window, Qt::Key_L, Qt::AltModifier);
        press(m_window, Qt::Key_A, Qt::ControlModifier);
        type(m_window, m_endless);
        press(m_window, Qt::Key_S, Qt::AltModifier);
        co_await until(scope, text("it works"), 5s * slowness,
                       [&] { return m_cancel->isEnabled() && rows() > 100; });
        press(m_window, Qt::Key_Escape);
        co_await until(scope, text("it has ended"), 1s * slowness,
                       [&] { return status().startsWith(text("Cancelled after ")); });
    });
}

void tst_Checksums::aFolderVanishesWhileItIsRead()
{
    const QString folder = m_files->filePath(text("vanishing"));
    QVERIFY(QDir().mkpath(folder));
    // The first of them takes a second or so.
    QVERIFY(makeFile(folder + text("/a"), {}, 200'000'000));
    for (int i = 0; i < 1'000; ++i)
        QVERIFY(makeFile(folder + text("/file-%1").arg(i), "1"));
    std::optional<std::thread> remover;
    use(folder, [&, this](CancelScope scope) -> QCoro::Task<> {
        const auto *progress = named<QProgressBar>(m_window, "Progress");
        click(m_start);
        co_await until(scope, text("it reads the first file"), 5s * slowness,
                       [&] { return progress->value() > 0; });
        remover.emplace([folder] { QDir(folder).removeRecursively(); });
        co_await until(scope, text("all is done"), 30s * slowness,
                       [&] { return status().startsWith(text("Files: ")); });
        qInfo("%s", qPrintable(status()));
        MICROIO_CO_COMPARE(rows(), 1'001);
        const auto *model = m_table->model();
        const QString last = model->index(1'000, ChecksumModel::ChecksumColumn).data().toString();
        MICROIO_CO_COMPARE(last, text("The file cannot be opened: No such file or directory"));
    });
    if (remover)
        remover->join();
}

QTEST_MAIN(tst_Checksums)

#include "tst_checksums.moc"
