// SPDX-License-Identifier: Apache-2.0
#include "../shared/fakesource.h"

#include "status/updategate_p.h"

#include <MicroIO/IncidentModel>
#include <MicroIO/Test>

#include <QAbstractItemModelTester>
#include <QRegularExpression>
#include <QtTest/QtTest>

using namespace MicroIO;
using namespace std::chrono_literals;
using Tests::FakeIncidents;

namespace {

QString text(const char *latin1)
{
    return QString::fromLatin1(latin1);
}

QString numbersIn(const IncidentModel &model)
{
    QStringList numbers;
    for (int row = 0; row < model.rowCount(); ++row)
        numbers += model.index(row, 0).data(IncidentModel::NumberRole).toString();
    return numbers.join(QLatin1Char(' '));
}

} // namespace

class tst_IncidentModel : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_warnings.emplace();
        // Newer versions of QAbstractItemModelTester ask for pixmaps, which there are none of without Qt Gui.
        m_warnings->allow(
            QRegularExpression(QStringLiteral("Trying to construct an instance of an invalid type")));
        m_clock.emplace();
        m_incidents = std::make_shared<FakeIncidents>();
        m_model.emplace();
        m_tester = std::make_unique<QAbstractItemModelTester>(
            &*m_model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    }
    void cleanup()
    {
        m_tester.reset();
        m_model.reset();
        m_clock.reset();
        m_warnings.reset();
    }

    void thoseThatWereAreThereAtOnce();
    void newOnesAreAppendedAndOldOnesGo();
    void manyBetweenTwoUpdatesAreOne();
    void aSourceThatGoesLeavesNothing();
    void anotherSourceIsAnotherList();
    void everyRoleAndColumnIsThatOfTheIncident();
    void whatIsNoSourceIsRefused();

private:
    std::optional<WarningGuard> m_warnings;
    std::optional<TestClock> m_clock;
    std::shared_ptr<FakeIncidents> m_incidents;
    std::optional<IncidentModel> m_model;
    std::unique_ptr<QAbstractItemModelTester> m_tester;
};

void tst_IncidentModel::thoseThatWereAreThereAtOnce()
{
    m_incidents->add(text("a"));
    m_incidents->add(text("b"));
    m_model->setSource(m_incidents);
    QCOMPARE(numbersIn(*m_model), text("1 2"));
}

void tst_IncidentModel::newOnesAreAppendedAndOldOnesGo()
{
    m_model->setSource(m_incidents);
    QCOMPARE(m_model->rowCount(), 0);
    QStringList seen;
    for (int i = 0; i < 7; ++i) {
        m_incidents->add(text("a"));
        m_clock->advance(Detail::UpdateGate::interval);
        seen += numbersIn(*m_model);
    }
    QCOMPARE(seen, (QStringList{text("1"), text("1 2"), text("1 2 3"), text("1 2 3 4"), text("1 2 3 4 5"),
                                text("2 3 4 5 6"), text("3 4 5 6 7")}));
}

void tst_IncidentModel::manyBetweenTwoUpdatesAreOne()
{
    m_model->setSource(m_incidents);
    QSignalSpy inserted(&*m_model, &IncidentModel::rowsInserted);
    QSignalSpy removed(&*m_model, &IncidentModel::rowsRemoved);
    for (int i = 0; i < 100'000; ++i)
        m_incidents->add(text("a"));
    QVERIFY(waitUntilIdle());
    QCOMPARE(numbersIn(*m_model), text("99996 99997 99998 99999 100000"));
    QCOMPARE(inserted.count(), 1);
    for (int i = 0; i < 100'000; ++i)
        m_incidents->add(text("a"));
    m_clock->advance(Detail::UpdateGate::interval);
    QCOMPARE(numbersIn(*m_model), text("199996 199997 199998 199999 200000"));
    QCOMPARE(inserted.count(), 2);
    QCOMPARE(removed.count(), 1);
}

void tst_IncidentModel::aSourceThatGoesLeavesNothing()
{
    m_incidents->add(text("a"));
    m_model->setSource(m_incidents);
    m_incidents->clear();
    QVERIFY(waitUntilIdle());
    QCOMPARE(m_model->rowCount(), 0);
    m_incidents->add(text("b"));
    m_clock->advance(Detail::UpdateGate::interval);
    QCOMPARE(numbersIn(*m_model), text("2"));
}

void tst_IncidentModel::anotherSourceIsAnotherList()
{
    m_incidents->add(text("a"));
    m_incidents->add(text("b"));
    m_model->setSource(m_incidents);
    const auto other = std::make_shared<FakeIncidents>();
    other->add(text("c")); // number 1, as another one has here
    m_model->setSource(other);
    QCOMPARE(numbersIn(*m_model), text("1"));
    QCOMPARE(m_model->index(0, IncidentModel::ServiceColumn).data().toString(), text("c"));
    m_incidents->add(text("d"));
    QVERIFY(waitUntilIdle());
    QCOMPARE(m_model->rowCount(), 1);
}

void tst_IncidentModel::everyRoleAndColumnIsThatOfTheIncident()
{
    m_incidents->add(text("disk"), text("it is full"));
    m_model->setSource(m_incidents);
    const auto row = m_model->index(0, IncidentModel::CauseColumn);
    QCOMPARE(row.data().toString(), text("it is full"));
    QCOMPARE(row.data(IncidentModel::ServiceRole).toString(), text("disk"));
    QCOMPARE(row.data(Qt::ToolTipRole).toString(), text("it is full"));
    QCOMPARE(row.data(IncidentModel::UptimeRole), QVariant(qint64(0)));
    QStringList header;
    for (int column = 0; column < m_model->columnCount(); ++column)
        header += m_model->headerData(column, Qt::Horizontal).toString();
    QCOMPARE(header.join(QLatin1Char(' ')), text("Time Service Cause Action Uptime"));
    auto roles = m_model->roleNames().values();
    std::sort(roles.begin(), roles.end());
    QCOMPARE(roles.join(' '), QByteArray("action cause number service time uptime"));
}

void tst_IncidentModel::whatIsNoSourceIsRefused()
{
    m_incidents->add(text("a"));
    m_model->setSource(m_incidents);
    m_model->setSource(this);
    QCOMPARE(m_model->rowCount(), 0);
    QCOMPARE(m_warnings->take(),
             QStringList(
                 text("warning microio.service: MicroIO::IncidentModel: a tst_IncidentModel has nothing to "
                      "show; give it a Supervisor")));
}

QTEST_GUILESS_MAIN(tst_IncidentModel)

#include "tst_incidentmodel.moc"
