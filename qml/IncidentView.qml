// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import MicroIO

/// The incidents of a supervisor: what went wrong, why, and what was done about it; the newest is at the end. New ones are
/// scrolled to as long as the last row is the current one: who looks at an older one is left there.
RowsView {
    id: root

    /// A Supervisor.
    property QtObject source

    function showLast() {
        root.currentIndex = root.count - 1;
        root.positionViewAtEnd();
    }

    placeholderText: qsTr("No incidents")
    model: IncidentModel {
        source: root.source
        onRowsInserted: (parent, first) => {
            if (root.currentIndex >= first - 1)
                Qt.callLater(root.showLast);
        }
        onModelReset: Qt.callLater(root.showLast)
    }
    delegate: RowDelegate {
        id: incident

        required property date time
        required property string service
        required property string cause
        required property string action

        text: qsTr("%1 %2").arg(time.toLocaleTimeString(Qt.locale(), "HH:mm:ss")).arg(service)
        Accessible.name: text
        Accessible.description: what.text

        contentItem: ColumnLayout {
            spacing: 0

            Label {
                objectName: "title"
                Layout.fillWidth: true
                text: incident.text
                font.bold: true
                wrapMode: Text.Wrap
                Accessible.ignored: true
            }
            Label {
                id: what

                objectName: "what"
                Layout.fillWidth: true
                text: qsTr("%1: %2").arg(incident.cause).arg(incident.action)
                wrapMode: Text.Wrap
                Accessible.ignored: true
            }
        }
    }

    Accessible.name: qsTr("Incidents")
}
