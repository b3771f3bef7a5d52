// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "await.h"

#include <MicroIO/Errors>

#include <QString>
#include <QStringList>

#include <atomic>
#include <chrono>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>

namespace Tests {

/// Counts its living copies: in a frame, a capture or an argument it tells whether that is still alive.
class Probe
{
public:
    explicit Probe(std::atomic<int> &alive)
        : m_alive(&alive)
    {
        ++*m_alive;
    }
    Probe(const Probe &other)
        : Probe(*other.m_alive)
    {
    }
    Probe &operator=(const Probe &) = delete;
    ~Probe() { --*m_alive; }

private:
    std::atomic<int> *m_alive;
};

/// What was thrown, in a line: "TaskGroupError(a, b)", "Cancelled(reason)", "NotReadyError", or the text of an error
/// that is not the library's.
inline QString errorText(const std::exception_ptr &error)
{
    try {
        std::rethrow_exception(error);
    } catch (const MicroIO::TaskGroupError &e) {
        QStringList leaves;
        for (const auto &leaf : e.exceptions())
            leaves += errorText(leaf);
        return QStringLiteral("TaskGroupError(%1)").arg(leaves.join(QStringLiteral(", ")));
    } catch (const MicroIO::Cancelled &e) {
        return QStringLiteral("Cancelled(%1)").arg(e.timedOut() ? QStringLiteral("deadline") : e.reason());
    } catch (const MicroIO::TaskCancelledError &) {
        return QStringLiteral("TaskCancelledError");
    } catch (const MicroIO::NotReadyError &) {
        return QStringLiteral("NotReadyError");
    } catch (const MicroIO::ClosedResourceError &) {
        return QStringLiteral("ClosedResourceError");
    } catch (const MicroIO::BrokenResourceError &) {
        return QStringLiteral("BrokenResourceError");
    } catch (const MicroIO::TimeoutError &) {
        return QStringLiteral("TimeoutError");
    } catch (const MicroIO::WrongThreadError &) {
        return QStringLiteral("WrongThreadError");
    } catch (const std::logic_error &e) {
        return QStringLiteral("logic_error(%1)").arg(QString::fromUtf8(e.what()));
    } catch (const std::exception &e) {
        return QString::fromUtf8(e.what());
    } catch (int number) {
        return QStringLiteral("int %1").arg(number);
    } catch (...) {
        return QStringLiteral("something else");
    }
}

inline QString valueText(bool value)
{
    return value ? QStringLiteral("true") : QStringLiteral("false");
}
inline QString valueText(int value)
{
    return QString::number(value);
}
inline QString valueText(const QString &value)
{
    return value;
}
inline QString valueText(const std::unique_ptr<int> &value)
{
    return value ? QString::number(*value) : QStringLiteral("null");
}
template<typename T>
QString valueText(const std::optional<T> &value)
{
    return value ? valueText(*value) : QStringLiteral("nothing");
}

/// Awaits \a task: its value or its error as text. A task that has not ended after \a limit hangs; by default that is less
/// than a mutation's ctest waits, so that who hangs is named.
template<typename T>
QString outcomeOf(QCoro::Task<T> task, std::chrono::milliseconds limit = std::chrono::seconds(15))
{
    try {
        if constexpr (std::is_void_v<T>) {
            await(std::move(task), limit);
            return QStringLiteral("ended");
        } else {
            return valueText(await(std::move(task), limit));
        }
    } catch (...) {
        return errorText(std::current_exception());
    }
}

/// What \a function throws, as text; "nothing thrown" if it does not.
template<typename Function>
QString thrownBy(Function &&function)
{
    try {
        function();
    } catch (...) {
        return errorText(std::current_exception());
    }
    return QStringLiteral("nothing thrown");
}

/// Keeps \a value until the process ends: what is left suspended for ever stays reachable, and is no leak to LeakSanitizer.
template<typename T>
void keepForEver(T value)
{
    static auto *kept = new std::list<T>;
    kept->push_back(std::move(value));
}

/// An error with \a text.
inline std::runtime_error failure(const char *text)
{
    return std::runtime_error(text);
}

} // namespace Tests
