// SPDX-License-Identifier: Apache-2.0
#include "scopes/errors_p.h"
#include <MicroIO/Errors>

#include <QtTest/QtTest>

using namespace MicroIO;

/// The error classes, their texts, and what is nested in them.
class tst_Errors : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void cancelledIsNoStdException();
    void cancelledKeepsItsArguments();
    void errorsAreErrors_data();
    void errorsAreErrors();
    void textsMayBeUnicode();
    void copiesKeepTheText();
    void causeIsNested();
    void nestingWithoutACause();
    void describeTellsTheWholeChain_data();
    void describeTellsTheWholeChain();
    void taskGroupErrorTellsItsLeaves_data();
    void taskGroupErrorTellsItsLeaves();
};

namespace {

template<typename E>
std::exception_ptr make(const E &error)
{
    return std::make_exception_ptr(error);
}

using Thrower = std::function<void(const QString &)>;

/// Throws an E; the texts of what is caught tell whether it was caught as what it is.
template<typename E>
Thrower thrower()
{
    return [](const QString &message) {
        try {
            if (message.isEmpty())
                throw E();
            throw E(message);
        } catch (const std::runtime_error &e) {
            if (!dynamic_cast<const Error *>(&e) || !dynamic_cast<const E *>(&e))
                throw std::logic_error("it is of the wrong class");
            throw;
        }
    };
}

} // namespace

void tst_Errors::cancelledIsNoStdException()
{
    QVERIFY(!(std::is_base_of_v<std::exception, Cancelled>));
    bool swallowed = false;
    try {
        try {
            throw Cancelled();
        } catch (const std::exception &) {
            swallowed = true;
        }
    } catch (const Cancelled &) {
    }
    QVERIFY(!swallowed);
}

void tst_Errors::cancelledKeepsItsArguments()
{
    const Cancelled byDefault;
    QCOMPARE(byDefault.reason(), QString());
    QVERIFY(!byDefault.timedOut());
    const Cancelled cancelled(QStringLiteral("enough"), true);
    QCOMPARE(cancelled.reason(), QStringLiteral("enough"));
    QVERIFY(cancelled.timedOut());
}

void tst_Errors::errorsAreErrors_data()
{
    QTest::addColumn<Thrower>("throwIt");
    QTest::newRow("TimeoutError") << thrower<TimeoutError>();
    QTest::newRow("ClosedResourceError") << thrower<ClosedResourceError>();
    QTest::newRow("BrokenResourceError") << thrower<BrokenResourceError>();
    QTest::newRow("EndOfStream") << thrower<EndOfStream>();
    QTest::newRow("WouldBlock") << thrower<WouldBlock>();
    QTest::newRow("BusyResourceError") << thrower<BusyResourceError>();
    QTest::newRow("DuplicateRequestError") << thrower<DuplicateRequestError>();
    QTest::newRow("ServiceError") << thrower<ServiceError>();
    QTest::newRow("NotReadyError") << thrower<NotReadyError>();
    QTest::newRow("TaskCancelledError") << thrower<TaskCancelledError>();
    QTest::newRow("DeadlockError") << thrower<DeadlockError>();
    QTest::newRow("WrongThreadError") << thrower<WrongThreadError>();
    QTest::newRow("DoNotRestart") << thrower<DoNotRestart>();
    QTest::newRow("TerminateSupervisor") << thrower<TerminateSupervisor>();
}

void tst_Errors::errorsAreErrors()
{
    QFETCH(Thrower, throwIt);

    // without a message, its own name is it
    for (const auto &message : {QStringLiteral("what happened"), QString()}) {
        const QString expected = message.isEmpty() ? QString::fromLatin1(QTest::currentDataTag()) : message;
        try {
            throwIt(message);
            QFAIL("nothing thrown");
        } catch (const Error &e) {
            QCOMPARE(e.message(), expected);
            QCOMPARE(QString::fromUtf8(e.what()), expected);
        }
    }
}

void tst_Errors::textsMayBeUnicode()
{
    const auto text = QString::fromUtf8("Gerät „Ä“ antwortet nicht: 設備");
    const TimeoutError error(text);
    QCOMPARE(error.message(), text);
    QCOMPARE(describe(make(error)), text);
}

void tst_Errors::copiesKeepTheText()
{
    ServiceError error(QStringLiteral("a"));
    const ServiceError copy = error; // NOLINT: the copy is what is tested
    error = ServiceError(QStringLiteral("b"));
    QCOMPARE(copy.message(), QStringLiteral("a"));
    QCOMPARE(error.message(), QStringLiteral("b"));
}

void tst_Errors::causeIsNested()
{
    const auto cause = make(std::runtime_error("disk full"));
    const auto nested = Detail::nest(ServiceError(QStringLiteral("the service failed")), cause);
    bool found = false;
    try {
        std::rethrow_exception(nested);
    } catch (const ServiceError &e) {
        QCOMPARE(e.message(), QStringLiteral("the service failed"));
        try {
            std::rethrow_if_nested(e);
        } catch (const std::runtime_error &inner) {
            found = QByteArray(inner.what()) == "disk full";
        }
    }
    QVERIFY(found);
    QVERIFY_THROWS_EXCEPTION(ServiceError, Detail::throwWithCause(ServiceError(), cause));
    // Cancelled and what is no class can be causes too
    QCOMPARE(describe(Detail::nest(ServiceError(QStringLiteral("s")), make(Cancelled(QStringLiteral("r"))))),
             QStringLiteral("s: cancelled: r"));
    QCOMPARE(describe(Detail::nest(ServiceError(QStringLiteral("s")), make(7))),
             QStringLiteral("s: an exception that is no std::exception"));
}

void tst_Errors::nestingWithoutACause()
{
    const auto error = Detail::nest(ServiceError(QStringLiteral("alone")), nullptr);
    QCOMPARE(describe(error), QStringLiteral("alone"));
    QVERIFY_THROWS_EXCEPTION(TimeoutError, Detail::throwWithCause(TimeoutError(), nullptr));
}

void tst_Errors::describeTellsTheWholeChain_data()
{
    QTest::addColumn<std::exception_ptr>("error");
    QTest::addColumn<QString>("text");
    const auto disk = make(std::runtime_error("disk full"));
    const auto write = Detail::nest(BrokenResourceError(QStringLiteral("cannot write")), disk);
    QTest::newRow("none") << std::exception_ptr() << QStringLiteral("no error");
    QTest::newRow("one") << disk << QStringLiteral("disk full");
    QTest::newRow("three") << Detail::nest(ServiceError(QStringLiteral("the service failed")), write)
                           << QStringLiteral("the service failed: cannot write: disk full");
    QTest::newRow("cancelled") << make(Cancelled()) << QStringLiteral("cancelled");
    QTest::newRow("cancelled because")
        << make(Cancelled(QStringLiteral("enough"))) << QStringLiteral("cancelled: enough");
    QTest::newRow("an int") << make(7) << QStringLiteral("an exception that is no std::exception");
}

void tst_Errors::describeTellsTheWholeChain()
{
    QFETCH(std::exception_ptr, error);
    QFETCH(QString, text);
    QCOMPARE(describe(error), text);
}

void tst_Errors::taskGroupErrorTellsItsLeaves_data()
{
    using Errors = std::vector<std::exception_ptr>;
    QTest::addColumn<Errors>("errors");
    QTest::addColumn<QString>("text");
    const auto a = make(std::runtime_error("a")), b = make(ServiceError(QStringLiteral("b")));
    QTest::newRow("one") << Errors{a} << QStringLiteral("an error in a task group: a");
    QTest::newRow("two") << Errors{a, b} << QStringLiteral("2 errors in a task group: a; b");
    QTest::newRow("nested") << Errors{make(TaskGroupError({a})), b}
                            << QStringLiteral("2 errors in a task group: an error in a task group: a; b");
}

void tst_Errors::taskGroupErrorTellsItsLeaves()
{
    using Errors = std::vector<std::exception_ptr>;
    QFETCH(Errors, errors);
    QFETCH(QString, text);

    const TaskGroupError error(errors);
    QCOMPARE(error.message(), text);
    QVERIFY(error.exceptions() == errors);
}

QTEST_APPLESS_MAIN(tst_Errors)
#include "tst_errors.moc"
