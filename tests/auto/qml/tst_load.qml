// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtTest
import MicroIO
import Rig

Item {
    id: root

    width: 400
    height: 300

    Rig {
        id: rig
    }

    ServiceListView {
        id: view
        anchors.fill: parent
        model: ServiceModel {
            id: model
        }
    }

    FrameAnimation {
        id: frames
        running: true
    }

    TestCase {
        name: "Load"
        when: windowShown

        /// Frames in a second, during which isBusy() is true; in real time, since that is what is asked.
        function rate(isBusy: var): real {
            const begin = Date.now();
            const first = frames.currentFrame;
            while (isBusy())
                wait(5);
            return 1000 * (frames.currentFrame - first) / (Date.now() - begin);
        }

        function during(milliseconds: int): var {
            const end = Date.now() + milliseconds;
            return () => Date.now() < end;
        }

        function test_aHundredThousandChangesInASecond() {
            rig.watch();
            rig.addFake("busy");
            rig.show(model);
            tryCompare(view, "count", 1);
            tryVerify(() => view.itemAtIndex(0));
            const row = view.itemAtIndex(0);
            const told = createTemporaryObject(spy, root, {target: row.status});
            const idle = rate(during(500));
            const first = frames.currentFrame;
            rig.hammer("busy", 100000);
            const busy = rate(() => rig.isHammering());
            tryCompare(row.status, "restartCount", 100000);
            console.info(`frames in a second: ${idle.toFixed(1)} idle, ${busy.toFixed(1)} busy; ${told.count} updates`);
            verify(busy > idle / 2);
            verify(told.count > 10);
            compare(row.status.state, rig.fakeState("busy"));
            compare(findChild(row, "details").text, "failed, restarts: 100000");
            compare(rig.endWatch(), []);
        }
        Component {
            id: spy
            SignalSpy {
                signalName: "changed"
            }
        }
    }
}
