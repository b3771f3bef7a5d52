// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import MicroIO

/// How many items a service had in its queues, and how late its event loop was: a line each over the last samples, each
/// on a scale of its own, whose top is told above.
Item {
    id: root

    property ServiceStatus status
    /// Takes a sample each sampleInterval, also while the plot is hidden.
    property bool running: true
    /// In milliseconds.
    property int sampleInterval: 1000
    /// How many samples are kept and shown.
    property int capacity: 60
    property color queueColor: palette.highlight
    property color lagColor: palette.windowText

    /// The samples, the oldest first.
    property var queued: []
    property var lag: []
    readonly property int queueTop: Math.max(10, ...queued)
    readonly property int lagTop: Math.max(20, ...lag)

    /// Takes what the status says now, and has it look again for the next time.
    function sample() {
        if (!root.status)
            return;
        root.queued = root.queued.concat([root.status.queuedItems]).slice(-root.capacity);
        root.lag = root.lag.concat([root.status.loopLag]).slice(-root.capacity);
        root.status.refresh();
    }

    function clear() {
        root.queued = [];
        root.lag = [];
    }

    implicitWidth: 240
    implicitHeight: 80
    onStatusChanged: clear()

    Accessible.role: Accessible.Chart
    Accessible.name: qsTr("%1, %2").arg(queueLabel.text).arg(lagLabel.text)

    Timer {
        interval: root.sampleInterval
        running: root.running && root.status !== null
        repeat: true
        triggeredOnStart: true
        onTriggered: root.sample()
    }

    ColumnLayout {
        anchors.fill: parent
        spacing: 2

        RowLayout {
            spacing: 12

            Label {
                id: queueLabel

                objectName: "queue"
                text: qsTr("queue %1 of %2").arg(root.queued.length ? root.queued[root.queued.length - 1] : 0).arg(root.queueTop)
                color: root.queueColor
                Accessible.ignored: true
            }
            Label {
                id: lagLabel

                objectName: "lag"
                Layout.fillWidth: true
                text: qsTr("lag %1 of %2 ms").arg(root.lag.length ? root.lag[root.lag.length - 1] : 0).arg(root.lagTop)
                color: root.lagColor
                wrapMode: Text.Wrap
                Accessible.ignored: true
            }
        }
        Canvas {
            id: canvas

            readonly property var shown: [root.queued, root.lag, root.queueColor, root.lagColor, root.palette.mid, root.capacity]

            function line(context: var, samples: var, top: real, dashes: var) {
                const step = (width - 2) / Math.max(1, root.capacity - 1);
                const first = root.capacity - samples.length;
                context.setLineDash(dashes);
                context.beginPath();
                samples.forEach((value, i) => context.lineTo(1 + (first + i) * step, height - 2 - (height - 4) * value / top));
                context.stroke();
            }

            objectName: "lines"
            Layout.fillWidth: true
            Layout.fillHeight: true
            onShownChanged: requestPaint()
            onPaint: {
                const context = getContext("2d");
                context.reset();
                context.lineWidth = 1;
                context.strokeStyle = root.palette.mid;
                context.strokeRect(0.5, 0.5, width - 1, height - 1);
                context.lineWidth = 2;
                context.strokeStyle = root.lagColor;
                line(context, root.lag, root.lagTop, [3, 2]);
                context.strokeStyle = root.queueColor;
                line(context, root.queued, root.queueTop, []);
            }
        }
    }
}
