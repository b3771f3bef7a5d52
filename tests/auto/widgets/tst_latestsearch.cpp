// SPDX-License-Identifier: Apache-2.0
#include "checksummodel.h"
#include "latestsearch.h"
#include "pathfilter.h"

#include <MicroIO/Test>

#include <QAbstractItemModelTester>
#include <QtTest/QtTest>

#include <chrono>
#include <memory>
#include <optional>

using namespace MicroIO;
using namespace std::chrono_literals;

namespace {

QString text(const char *utf8)
{
    return QString::fromUtf8(utf8);
}

} // namespace

/// What the window of examples/widgets searches and shows, without the window.
class tst_LatestSearch : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void cleanup();

    void aBurstOfKeystrokesIsOneSearch();
    void aNewerSearchCancelsTheOlder();
    void aFailedSearchIsTold();
    void aSearchEndsWithItsOwner();

    void theModelShowsChecksumsAndErrors();
    void theFilterShowsOnlySomePaths();

private:
    std::optional<WarningGuard> m_warnings;
    std::optional<LeftoverGuard> m_leftovers;
};

void tst_LatestSearch::init()
{
    m_warnings.emplace();
    m_leftovers.emplace();
}

void tst_LatestSearch::cleanup()
{
    m_leftovers.reset();
    m_warnings.reset();
}

void tst_LatestSearch::aBurstOfKeystrokesIsOneSearch()
{
    const TestClock clock;
    EventLog log;
    LatestSearch search([&](CancelScope, QString what) -> QCoro::Task<QStringList> {
        log.add(text("search ") + what);
        co_return QStringList{what};
    });
    connect(&search, &LatestSearch::found, this, [&](const QString &what, const QStringList &paths) {
        log.add(text("found ") + what + text(" in ") + paths.join(QLatin1Char(',')));
    });
    const auto typing = [&](CancelScope scope) -> QCoro::Task<> {
        for (const char *what : {"a", "ab", "abc"}) {
            search.type(text(what));
            co_await scope.sleep(150ms);
        }
        co_await scope.sleep(1s);
        search.type(text("z"));
        co_await scope.sleep(1s);
    };
    MICROIO_AWAIT(typing(CancelScope()));
    MICROIO_COMPARE_LOG(log, (QStringList{text("search abc"), text("found abc in abc"), text("search z"),
                                          text("found z in z")}));
}

void tst_LatestSearch::aNewerSearchCancelsTheOlder()
{
    const TestClock clock;
    QStringList log;
    LatestSearch search([&](CancelScope scope, QString what) -> QCoro::Task<QStringList> {
        try {
            co_await scope.sleep(10s);
        } catch (const Cancelled &) {
            log += text("cancelled ") + what;
            if (what == text("deaf"))
                co_return QStringList{what}; // its result counts no more
            throw;
        }
        co_return QStringList{what};
    });
    connect(&search, &LatestSearch::found, this, [&](const QString &what) { log += text("found ") + what; });
    const auto typing = [&](CancelScope scope) -> QCoro::Task<> {
        for (const char *what : {"first", "deaf", "last"}) {
            search.type(text(what));
            co_await scope.sleep(1s);
        }
        co_await scope.sleep(20s);
    };
    MICROIO_AWAIT(typing(CancelScope()));
    QCOMPARE(log, (QStringList{text("cancelled first"), text("cancelled deaf"), text("found last")}));
}

void tst_LatestSearch::aFailedSearchIsTold()
{
    const TestClock clock;
    QStringList log;
    LatestSearch search([&](CancelScope, QString what) -> QCoro::Task<QStringList> {
        if (what == text("bad"))
            throw std::runtime_error("no disk");
        co_return QStringList();
    });
    connect(&search, &LatestSearch::failed, this,
            [&](const QString &what, const QString &error) { log += what + text(": ") + error; });
    connect(&search, &LatestSearch::found, this, [&](const QString &what) { log += what; });
    const auto typing = [&](CancelScope scope) -> QCoro::Task<> {
        for (const char *what : {"bad", "good"}) {
            search.type(text(what));
            co_await scope.sleep(1s);
        }
    };
    MICROIO_AWAIT(typing(CancelScope()));
    QCOMPARE(log, (QStringList{text("bad: no disk"), text("good")}));
}

void tst_LatestSearch::aSearchEndsWithItsOwner()
{
    const TestClock clock;
    bool isCancelled = false;
    auto search = std::make_unique<LatestSearch>([&](CancelScope scope, QString) -> QCoro::Task<QStringList> {
        try {
            co_await scope.cancelled();
        } catch (const Cancelled &) {
            isCancelled = true;
            throw;
        }
        co_return QStringList();
    });
    search->type(text("x"));
    MICROIO_AWAIT(CancelScope().sleep(1s));
    QVERIFY(!isCancelled);
    search.reset();
    QVERIFY(isCancelled);
}

void tst_LatestSearch::theModelShowsChecksumsAndErrors()
{
    ChecksumModel model;
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.append({{text("a"), 3, "00ff", {}}, {text("b"), 0, {}, text("It is broken.")}});
    model.append({});
    QCOMPARE(model.rowCount(), 2);
    QCOMPARE(model.index(0, ChecksumModel::ChecksumColumn).data().toString(), text("00ff"));
    QCOMPARE(model.index(1, ChecksumModel::ChecksumColumn).data().toString(), text("It is broken."));
    QCOMPARE(model.index(0, ChecksumModel::SizeColumn).data(ChecksumModel::SortRole).toLongLong(), 3);
    model.clear();
    QCOMPARE(model.rowCount(), 0);
}

void tst_LatestSearch::theFilterShowsOnlySomePaths()
{
    ChecksumModel model;
    PathFilter filter;
    filter.setSourceModel(&model);
    model.append({{text("a"), 3, "1", {}}, {text("b"), 0, "2", {}}, {text("c"), 0, "3", {}}});
    QCOMPARE(filter.rowCount(), 3);
    filter.showOnly({text("b"), text("z")});
    QCOMPARE(filter.rowCount(), 1);
    QCOMPARE(filter.index(0, 0).data().toString(), text("b"));
    model.append({{text("z"), 3, "1", {}}});
    QCOMPARE(filter.rowCount(), 2);
    filter.showAll();
    QCOMPARE(filter.rowCount(), 4);
}

QTEST_GUILESS_MAIN(tst_LatestSearch)

#include "tst_latestsearch.moc"
