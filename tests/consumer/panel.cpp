// SPDX-License-Identifier: Apache-2.0
// A window that shows a supervisor's services, by QML alone: see Panel.qml.
#include <MicroIO/LoopServiceThread>
#include <MicroIO/Service>
#include <MicroIO/Supervisor>

#include <QGuiApplication>
#include <QQmlApplicationEngine>

#include <cstdio>

int main(int argc, char **argv)
{
    const QGuiApplication app(argc, argv);
    MicroIO::Supervisor supervisor;
    const auto name = QStringLiteral("reader");
    supervisor.addService(
        {.name = name, .factory = [name] { return MicroIO::makeService<MicroIO::LoopServiceThread>(name); }});

    QQmlApplicationEngine engine;
    engine.addImportPath(QStringLiteral(QML_IMPORT_PATH));
    engine.setInitialProperties(
        {{QStringLiteral("supervisor"), QVariant::fromValue<QObject *>(&supervisor)}});
    engine.load(QStringLiteral("qrc:/Panel.qml"));
    if (engine.rootObjects().isEmpty())
        return 1;
    supervisor.start();
    const int status = QGuiApplication::exec();
    std::puts(status ? "failed" : "ok");
    return status;
}
