// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <MicroIO/microio_test_export.h>
#include <MicroIO/scopes/foreignwait.h>

#include <QCoroTask>

#include <QTest>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

// The tests of coroutines with Qt Test. As QVERIFY and its like, these macros end the test function (they return from the
// function that they stand in) when they fail.
#ifdef QTEST_FAIL_ACTION
#define MICROIO_FAIL_ACTION QTEST_FAIL_ACTION
#else
#define MICROIO_FAIL_ACTION return
#endif

/// Turns the event loop until the task (or whatever else can be co_awaited) has ended. The test fails if it ends with an
/// error, with its whole chain of causes; if it lasts longer than testTimeout() of real time; and under a TestClock at once when
/// nothing is due and nothing can run, with a list of who waits for what.
#define MICROIO_AWAIT(...) \
    do { \
        if (!MicroIO::Detail::awaited(__VA_ARGS__).succeeds(#__VA_ARGS__, __FILE__, __LINE__)) \
            MICROIO_FAIL_ACTION; \
    } while (false)

/// The same, and compares the value of the task, as QCOMPARE does.
#define MICROIO_COMPARE_AWAIT(task, expected) \
    do { \
        auto microioAwaited = MicroIO::Detail::awaited(task); \
        if (!microioAwaited.succeeds(#task, __FILE__, __LINE__)) \
            MICROIO_FAIL_ACTION; \
        if (!QTest::qCompare(microioAwaited.value(), expected, #task, #expected, __FILE__, __LINE__)) \
            MICROIO_FAIL_ACTION; \
    } while (false)

/// The same, and passes only if the task ends with an exception of \a Type (or of one derived from it). Cancelled is one.
#define MICROIO_VERIFY_THROWS(Type, ...) \
    do { \
        if (!MicroIO::Detail::awaited(__VA_ARGS__).throws<Type>(#Type, #__VA_ARGS__, __FILE__, __LINE__)) \
            MICROIO_FAIL_ACTION; \
    } while (false)

/// QVERIFY and QCOMPARE for the inside of a coroutine: a failure is told with this file and line, and ends the coroutine by an
/// exception that ends the test too, when it gets to MICROIO_AWAIT. On the test's thread.
#define MICROIO_CO_VERIFY(...) \
    do { \
        if (!QTest::qVerify(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, "", __FILE__, __LINE__)) \
            throw MicroIO::TestFailed(); \
    } while (false)
#define MICROIO_CO_COMPARE(actual, expected) \
    do { \
        if (!QTest::qCompare(actual, expected, #actual, #expected, __FILE__, __LINE__)) \
            throw MicroIO::TestFailed(); \
    } while (false)

namespace MicroIO {

/// What MICROIO_CO_VERIFY and MICROIO_CO_COMPARE throw; the failure has been told already. No std::exception, so that the
/// tested code does not take it for one of its own errors.
class MICROIO_TEST_EXPORT TestFailed
{
};

namespace Detail {

class TestWait;

/// The end of something awaited by a test; a coroutine may come to it when the test has given up.
struct MICROIO_TEST_EXPORT AwaitedEnd
{
    void reached();

    std::exception_ptr error;
    bool isReached = false;
    TestWait *wait = nullptr;
};

template<typename T>
struct AwaitedValue : AwaitedEnd
{
    std::optional<T> value;
};
template<>
struct AwaitedValue<void> : AwaitedEnd
{
};

/// Turns the loop until \a end is reached; tells the failure otherwise.
MICROIO_TEST_EXPORT bool waitForEnd(AwaitedEnd &end, const char *what, const char *file, int line);
/// Tells that the end was an error where none was expected, or another one.
MICROIO_TEST_EXPORT void tellError(const AwaitedEnd &end, const char *what, const char *expected,
                                   const char *file, int line);

template<typename Awaitable, typename T>
QCoro::Task<> runAwaited(Awaitable awaitable, std::shared_ptr<AwaitedValue<T>> end)
{
    try {
        if constexpr (std::is_void_v<T>)
            co_await std::move(awaitable);
        else
            end->value.emplace(co_await std::move(awaitable));
    } catch (...) {
        end->error = std::current_exception();
    }
    end->reached();
}

template<typename T>
class Awaited
{
public:
    template<typename Awaitable>
    explicit Awaited(Awaitable awaitable)
    {
        runAwaited<Awaitable, T>(std::move(awaitable), m_end);
    }

    bool succeeds(const char *what, const char *file, int line)
    {
        if (!waitForEnd(*m_end, what, file, line))
            return false;
        if (!m_end->error)
            return true;
        tellError(*m_end, what, nullptr, file, line);
        return false;
    }

    template<typename Error>
    bool throws(const char *type, const char *what, const char *file, int line)
    {
        if (!waitForEnd(*m_end, what, file, line))
            return false;
        try {
            if (m_end->error)
                std::rethrow_exception(m_end->error);
        } catch (const Error &) {
            return true;
        } catch (...) {
        }
        tellError(*m_end, what, type, file, line);
        return false;
    }

    decltype(auto) value() { return std::move(*m_end->value); }

private:
    const std::shared_ptr<AwaitedValue<T>> m_end = std::make_shared<AwaitedValue<T>>();
};

/// Takes a task out of its variable, which nobody else can await then.
template<typename A>
auto awaited(A &&awaitable)
{
    using Awaitable = std::decay_t<A>;
    if constexpr (std::is_copy_constructible_v<Awaitable>)
        return Awaited<AwaitResult<Awaitable>>(Awaitable(std::forward<A>(awaitable)));
    else
        return Awaited<AwaitResult<Awaitable>>(std::move(awaitable));
}

} // namespace Detail
} // namespace MicroIO
