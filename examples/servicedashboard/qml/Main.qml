// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import MicroIO
import ServiceDashboard

ApplicationWindow {
    id: window

    required property Dashboard dashboard
    readonly property bool isWide: width >= 1280
    // which the offscreen platform would complain about
    readonly property bool hasFrame: Qt.platform.pluginName !== "offscreen"

    visible: true
    width: 1000
    height: 700
    minimumWidth: hasFrame ? 800 : 0
    minimumHeight: hasFrame ? 600 : 0
    title: qsTr("Services")

    header: ToolBar {
        RowLayout {
            anchors.fill: parent
            anchors.leftMargin: 12
            anchors.rightMargin: 12

            Label {
                objectName: "summary"
                Layout.fillWidth: true
                Layout.topMargin: 8
                Layout.bottomMargin: 8
                text: window.dashboard.summary
                font.bold: true
                wrapMode: Text.Wrap
            }
        }
    }

    GridLayout {
        anchors.fill: parent
        columns: window.isWide ? 2 : 1
        rowSpacing: 0
        columnSpacing: 0

        ServiceListView {
            objectName: "services"
            Layout.fillWidth: true
            Layout.fillHeight: true
            Layout.preferredWidth: window.isWide ? window.width * 0.62 : window.width
            Layout.preferredHeight: window.isWide ? window.height : window.height * 0.7
            focus: true
            source: window.dashboard.supervisor
            delegate: DashboardRow {
                dashboard: window.dashboard // qmllint disable unqualified
            }
        }
        Pane {
            Layout.fillWidth: true
            Layout.fillHeight: true
            Layout.preferredWidth: window.isWide ? window.width * 0.38 : window.width
            Layout.preferredHeight: window.isWide ? window.height : window.height * 0.3
            padding: 0

            ColumnLayout {
                anchors.fill: parent
                spacing: 0

                Label {
                    Layout.fillWidth: true
                    Layout.margins: 8
                    text: qsTr("Incidents")
                    font.bold: true
                }
                IncidentView {
                    objectName: "incidents"
                    Layout.fillWidth: true
                    Layout.fillHeight: true
                    source: window.dashboard.supervisor
                }
            }
        }
    }
}
