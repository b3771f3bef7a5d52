// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QList>
#include <QLoggingCategory>
#include <QString>
#include <QStringList>
#include <QtGlobal>

#include <mutex>
#include <utility>

namespace Tests {

/// Collects what is logged while it lives, from any thread, and puts the former handler back.
///
/// As a member that init() makes and cleanup() looks at, it shows that a test printed nothing that it did not expect:
/// who expects something takes it out.
class MessageLog
{
public:
    struct Message
    {
        QtMsgType type;
        QString category;
        QString text;
    };

    MessageLog()
    {
        const std::lock_guard lock(mutex());
        m_outer = std::exchange(active(), this);
        m_former = qInstallMessageHandler(handle);
    }
    ~MessageLog()
    {
        const std::lock_guard lock(mutex());
        active() = m_outer;
        qInstallMessageHandler(m_former);
    }
    Q_DISABLE_COPY_MOVE(MessageLog)

    /// Everything since the last take(), debug messages included.
    QList<Message> messages() const
    {
        const std::lock_guard lock(mutex());
        return m_messages;
    }

    /// Takes all warnings and worse, as "warning category: text". Empty means: nothing was complained about.
    QStringList take()
    {
        const std::lock_guard lock(mutex());
        QStringList lines;
        for (const Message &message : std::exchange(m_messages, {})) {
            if (const QString severity = severityOf(message.type); !severity.isEmpty())
                lines += QStringLiteral("%1 %2: %3").arg(severity, message.category, message.text);
        }
        return lines;
    }

private:
    static QString severityOf(QtMsgType type)
    {
        switch (type) {
        case QtDebugMsg:
        case QtInfoMsg:
            return {};
        case QtWarningMsg:
            return QStringLiteral("warning");
        case QtCriticalMsg:
            return QStringLiteral("critical");
        case QtFatalMsg:
            return QStringLiteral("fatal");
        }
        return {};
    }

    static void handle(QtMsgType type, const QMessageLogContext &context, const QString &text)
    {
        QtMessageHandler former = nullptr;
        {
            const std::lock_guard lock(mutex());
            if (auto *log = active()) {
                log->m_messages.append({type, QString::fromLatin1(context.category), text});
                former = log->m_former;
            }
        }
        if (former && (type == QtDebugMsg || type == QtInfoMsg || type == QtFatalMsg))
            former(type, context, text);
    }

    static std::mutex &mutex()
    {
        static std::mutex instance;
        return instance;
    }
    static MessageLog *&active()
    {
        static MessageLog *instance = nullptr;
        return instance;
    }

    MessageLog *m_outer = nullptr;
    QtMessageHandler m_former = nullptr;
    QList<Message> m_messages; // guarded by mutex()
};

} // namespace Tests
