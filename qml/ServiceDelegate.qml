// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import MicroIO

/// A row for one service: what it is doing, what it has failed with, and buttons to start, stop and restart it.
///
/// In a view of a ServiceModel, \a status is the role of that name; elsewhere, any. While the row is the current one of its
/// ListView, the Tab key goes to the buttons.
RowDelegate {
    id: root

    required property ServiceStatus status

    readonly property bool isUp: status !== null && (status.state === ServiceStatus.Starting
                                                     || status.state === ServiceStatus.Running
                                                     || status.state === ServiceStatus.Waiting)
    /// Why the last call of one of the buttons was not done; shown until the next call, or the next state.
    property string refusal
    /// All but the name and the problem.
    readonly property string details: {
        if (!status)
            return "";
        const parts = [status.stateText];
        if (status.state === ServiceStatus.Running)
            parts.push(qsTr("for %1").arg(durationText(status.uptime)));
        if (status.restartCount > 0)
            parts.push(qsTr("restarts: %1").arg(status.restartCount));
        if (status.queuedItems > 0)
            parts.push(qsTr("queued: %1").arg(status.queuedItems));
        if (status.pendingRequests > 0)
            parts.push(qsTr("pending: %1").arg(status.pendingRequests));
        if (status.loopLag >= 100)
            parts.push(qsTr("does not answer for %1 ms").arg(status.loopLag));
        return parts.join(", ");
    }
    readonly property string problem: {
        if (refusal || !status || !status.errorString)
            return refusal;
        // who runs again has overcome it
        return status.state === ServiceStatus.Running ? qsTr("last failure: %1").arg(status.errorString) : status.errorString;
    }

    /// What a button has called was not done; \a error says why, with its causes.
    signal refused(string error)

    /// Stops a service that runs or waits for its restart, starts any other.
    function toggle() {
        if (root.status)
            root.follow(root.isUp ? root.status.stop() : root.status.start());
    }

    function restart() {
        if (root.status)
            root.follow(root.status.restart());
    }

    function follow(call: var) {
        root.refusal = "";
        call.then(error => {
            root.refusal = error;
            if (error)
                root.refused(error);
        });
    }

    function durationText(milliseconds: real): string {
        const seconds = Math.floor(milliseconds / 1000);
        if (seconds < 60)
            return qsTr("%1 s").arg(seconds);
        if (seconds < 3600)
            return qsTr("%1 min %2 s").arg(Math.floor(seconds / 60)).arg(seconds % 60);
        return qsTr("%1 h %2 min").arg(Math.floor(seconds / 3600)).arg(Math.floor(seconds / 60) % 60);
    }

    text: status ? status.name : ""
    Accessible.name: status ? qsTr("%1: %2").arg(status.name).arg(details) : ""
    Accessible.description: problem

    Connections {
        target: root.status
        function onStateChanged() {
            root.refusal = "";
        }
    }

    contentItem: ColumnLayout {
        spacing: 4

        RowLayout {
            spacing: 10

            ServiceIndicator {
                status: root.status
                Accessible.ignored: true // the row says it
            }
            ColumnLayout {
                // not that of the text: the height for a width that it had meanwhile would stay
                Layout.preferredWidth: 140
                Layout.fillWidth: true
                spacing: 0

                Label {
                    objectName: "name"
                    Layout.fillWidth: true
                    text: root.text
                    font.bold: true
                    wrapMode: Text.Wrap
                    Accessible.ignored: true
                }
                Label {
                    objectName: "details"
                    Layout.fillWidth: true
                    wrapMode: Text.Wrap
                    Accessible.ignored: true
                    text: root.details
                }
            }
            Button {
                objectName: "toggle"
                text: root.isUp ? qsTr("Stop") : qsTr("Start")
                enabled: root.isUp || (root.status !== null && (root.status.canRestart
                                                                || root.status.state === ServiceStatus.Idle))
                focusPolicy: root.highlighted || activeFocus ? Qt.StrongFocus : Qt.ClickFocus
                onClicked: root.toggle()
                Accessible.name: qsTr("%1 %2").arg(text).arg(root.text)
                Accessible.onPressAction: root.toggle() // in Qt 6.4 a button does nothing by itself
            }
            Button {
                objectName: "restart"
                text: qsTr("Restart")
                enabled: root.status !== null && root.status.canRestart
                focusPolicy: root.highlighted || activeFocus ? Qt.StrongFocus : Qt.ClickFocus
                onClicked: root.restart()
                Accessible.name: qsTr("%1 %2").arg(text).arg(root.text)
                Accessible.onPressAction: root.restart() // in Qt 6.4 a button does nothing by itself
            }
        }
        Label {
            objectName: "problem"
            Layout.fillWidth: true
            Layout.leftMargin: 24 // below the name
            visible: text !== ""
            text: root.problem
            wrapMode: Text.Wrap
            Accessible.ignored: true
        }
    }
}
