// SPDX-License-Identifier: Apache-2.0
#include "servicecall.h"

#include "logging_p.h"

#include <utility>

namespace MicroIO::Qml {

Q_LOGGING_CATEGORY(logQml, "microio.qml")

ServiceCall::ServiceCall(QCoro::Task<QVariant> task, QJSEngine *engine)
    : QmlTask(std::move(task))
    , m_engine(engine)
{
}

void ServiceCall::then(const QJSValue &callback)
{
    if (!m_engine)
        return;
    if (!callback.isCallable()) {
        qCWarning(logQml).noquote() << runningLine(m_engine) + QStringLiteral("then() takes a function");
        return;
    }
    static const QString reporting = QStringLiteral(R"(
        callback => error => {
            try {
                callback(error);
            } catch (problem) {
                console.warn(problem instanceof Error ? `${problem.fileName}:${problem.lineNumber}: ${problem}` : problem);
            }
        })");
    QmlTask::then(m_engine->evaluate(reporting).call({callback}));
}

QString runningLine(QJSEngine *engine)
{
    const auto here = engine ? engine->newErrorObject(QJSValue::GenericError) : QJSValue();
    const QString file = here.property(QStringLiteral("fileName")).toString();
    const int line = here.property(QStringLiteral("lineNumber")).toInt();
    return line > 0 ? QStringLiteral("%1:%2: ").arg(file).arg(line) : QString();
}

} // namespace MicroIO::Qml
