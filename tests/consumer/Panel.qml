// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Window
import MicroIO

Window {
    id: panel

    required property QtObject supervisor

    width: 400
    height: 300
    visible: true

    ServiceListView {
        anchors.fill: parent
        source: panel.supervisor
    }

    ServiceStatus {
        source: panel.supervisor
        name: "reader"

        // As soon as it runs, it is restarted; when that has been done, the program ends.
        onStateChanged: {
            if (state !== ServiceStatus.Running || restarts.isUnderWay)
                return;
            restarts.isUnderWay = true;
            restart().then(error => {
                if (error)
                    console.error(error);
                Qt.exit(error ? 1 : 0);
            });
        }
    }

    QtObject {
        id: restarts

        property bool isUnderWay: false
    }
}
