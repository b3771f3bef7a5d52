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
                following.start();
        }
        onModelReset: following.start()
    }
    delegate: RowDelegate {
        id: incident

        required property var model // a button has a property "action" already

        readonly property string story: model.action ? qsTr("%1: %2").arg(model.cause).arg(model.action) : model.cause

        text: qsTr("%1 %2").arg(model.time.toLocaleTimeString(Qt.locale(), "HH:mm:ss")).arg(model.service)
        Accessible.name: text
        Accessible.description: story

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
                objectName: "what"
                Layout.fillWidth: true
                text: incident.story
                wrapMode: Text.Wrap
                Accessible.ignored: true
            }
        }
    }

    Accessible.name: qsTr("Incidents")
    onHeightChanged: {
        if (root.currentIndex === root.count - 1)
            root.positionViewAtEnd();
    }

    Timer {
        id: following

        interval: 0 // when the view knows of the rows
        onTriggered: root.showLast()
    }
}
