// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import MicroIO
import ServiceDashboard

/// One service: what it does, how much it has done, how long its queues and how late its event loop are, and what can be done
/// to it.
Rectangle {
    id: root

    required property ServiceStatus status
    required property Dashboard dashboard

    readonly property string name: status ? status.name : ""
    readonly property bool isCurrent: ListView.isCurrentItem
    readonly property bool isRunning: status !== null && status.state === ServiceStatus.Running

    objectName: "row"
    width: ListView.view ? ListView.view.width : implicitWidth
    // they share the room there is, but for what one of them may need to tell of its failure
    height: Math.max(implicitHeight, ListView.view ? Math.min(200, (ListView.view.height - 40) / ListView.view.count) : 0)
    implicitWidth: row.implicitWidth
    implicitHeight: row.implicitHeight
    color: Qt.alpha(palette.highlight, isCurrent ? 0.12 : 0)
    border.width: activeFocus ? 2 : 0
    border.color: palette.highlight

    RowLayout {
        id: row

        anchors.fill: parent
        spacing: 8

        ServiceDelegate {
            Layout.preferredWidth: Math.max(360, root.width * 0.4)
            status: root.status
            highlighted: root.isCurrent
            background: null // the whole row has it
            onClicked: root.ListView.view.currentIndex = root.ListView.view.indexAt(root.x + 1, root.y + 1)
        }
        Label {
            objectName: "work"
            Layout.preferredWidth: 96
            text: root.dashboard.work[root.name] ?? ""
            wrapMode: Text.Wrap
            Accessible.name: qsTr("%1 of %2").arg(text).arg(root.name)
        }
        HistoryPlot {
            Layout.fillWidth: true
            Layout.fillHeight: true
            Layout.preferredWidth: 190
            Layout.preferredHeight: 48
            Layout.topMargin: 4
            Layout.bottomMargin: 4
            status: root.status
            sampleInterval: 500
        }
        ColumnLayout {
            Layout.fillWidth: false
            Layout.rightMargin: 8
            spacing: 2

            Button {
                objectName: "crash"
                Layout.fillWidth: true
                text: qsTr("Crash")
                enabled: root.isRunning
                focusPolicy: root.isCurrent || activeFocus ? Qt.StrongFocus : Qt.ClickFocus // as in ServiceDelegate
                onClicked: root.dashboard.crash(root.name)
                Accessible.name: qsTr("Crash %1").arg(root.name)
                Accessible.onPressAction: root.dashboard.crash(root.name)
            }
            Button {
                objectName: "freeze"
                Layout.fillWidth: true
                visible: root.name === root.dashboard.journal
                text: qsTr("Freeze")
                enabled: root.isRunning
                focusPolicy: root.isCurrent || activeFocus ? Qt.StrongFocus : Qt.ClickFocus // as in ServiceDelegate
                onClicked: root.dashboard.freezeJournal()
                Accessible.name: qsTr("Freeze %1").arg(root.name)
                Accessible.onPressAction: root.dashboard.freezeJournal()
            }
        }
    }
}
