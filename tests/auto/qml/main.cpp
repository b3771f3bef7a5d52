// SPDX-License-Identifier: Apache-2.0
#include <QQmlEngine>
#include <QtQuickTest>

class Setup : public QObject
{
    Q_OBJECT

public Q_SLOTS:
    void qmlEngineAvailable(QQmlEngine *engine)
    {
        engine->addImportPath(QStringLiteral(MICROIO_QML_IMPORT_DIR));
        engine->addImportPath(QStringLiteral("qrc:/qt/qml")); // Rig
    }
};

QUICK_TEST_MAIN_WITH_SETUP(tst_qml, Setup)
#include "main.moc"
