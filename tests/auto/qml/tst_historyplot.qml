// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtTest
import MicroIO
import Rig

Item {
    id: root

    width: 300
    height: 120

    Rig {
        id: rig
    }

    ServiceStatus {
        id: status
        name: "reader"
        refreshInterval: 0
    }

    Rectangle {
        anchors.fill: parent
        color: "white"

        HistoryPlot {
            id: plot
            anchors.fill: parent
            running: false
            capacity: 5
            queueColor: "#0000ff"
            lagColor: "#ff0000"
        }
    }

    TestCase {
        name: "HistoryPlot"
        when: windowShown

        function initTestCase() {
            rig.addFake("reader");
            rig.show(status);
        }

        function init() {
            rig.watch();
        }

        function cleanup() {
            plot.running = false;
            plot.status = null;
            compare(rig.endWatch(), []);
        }

        function test_withoutAStatusItIsEmpty() {
            plot.sample();
            compare(plot.queued, []);
            compare(findChild(plot, "queue").text, "queue 0 of 10");
            compare(findChild(plot, "lag").text, "lag 0 of 20 ms");
        }

        function test_keepsTheLastSamples() {
            plot.status = status;
            for (let i = 1; i <= 7; ++i) {
                rig.setFakeFacts("reader", i, 10 * i, false);
                tryCompare(status, "queuedItems", 10 * i);
                plot.sample();
            }
            compare(plot.queued, [30, 40, 50, 60, 70]);
            compare(plot.lag, [0, 0, 0, 0, 0]);
            compare(findChild(plot, "queue").text, "queue 70 of 70");
            compare(rig.accessible(plot).name, "queue 70 of 70, lag 0 of 20 ms");
            compare(rig.accessible(plot).role, "Chart");
        }

        function test_drawsBothLines() {
            plot.status = status;
            rig.setFakeFacts("reader", 0, 10, false);
            tryCompare(status, "queuedItems", 10);
            for (let i = 0; i < 5; ++i)
                plot.sample();
            const lines = findChild(plot, "lines");
            const isDrawn = (red, green, blue) => {
                const picture = grabImage(lines);
                for (let y = 0; y < lines.height; ++y) {
                    for (let x = 100; x < 120; ++x) { // one of them is dashed
                        if (picture.red(x, y) === red && picture.green(x, y) === green && picture.blue(x, y) === blue)
                            return true;
                    }
                }
                return false;
            };
            tryVerify(() => isDrawn(0, 0, 255)); // at the top
            tryVerify(() => isDrawn(255, 0, 0)); // at the bottom
        }

        function test_samplesByItselfAndLooksAgain() {
            plot.status = status;
            plot.sampleInterval = 20;
            plot.running = true;
            rig.setFakeFacts("reader", 0, 33, false);
            tryVerify(() => plot.queued.length === 5 && plot.queued[4] === 33);
            plot.status = null;
            compare(plot.queued, []);
        }
    }
}
