// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtTest
import MicroIO
import Rig

Item {
    id: root

    Rig {
        id: rig
    }

    ServiceModel {
        id: model
        source: rig.supervisor
    }

    ServiceModel {
        id: fakes
    }

    Repeater {
        id: rows

        model: fakes
        delegate: Item {
            required property string name
            required property int state_
            required property string stateText
            required property ServiceStatus status
            required property var model

            state_: model.state
        }
    }

    TestCase {
        name: "ServiceModel"

        function init() {
            rig.watch();
        }

        function cleanup() {
            rig.deleteSupervisor();
            compare(rig.endWatch(), []);
        }

        function names(): list<string> {
            const found = [];
            for (let row = 0; row < model.rowCount(); ++row)
                found.push(model.status(row).name);
            return found;
        }

        function test_withoutASupervisorItIsEmpty() {
            compare(model.source, null);
            compare(model.rowCount(), 0);
            compare(model.status(0), null);
            compare(model.status(-1), null);
            compare(model.rowOf("nobody"), -1);
        }

        function test_rowsComeAndGo() {
            rig.supervise(["a", "b"]);
            compare(names(), ["a", "b"]);
            rig.start();
            tryVerify(() => model.status(1).state === ServiceStatus.Running);
            rig.addService("c");
            tryVerify(() => model.rowCount() === 3);
            compare(names(), ["a", "b", "c"]);
            compare(model.rowOf("c"), 2);
            rig.removeService("b");
            tryVerify(() => model.rowCount() === 2);
            compare(names(), ["a", "c"]);
            rig.deleteSupervisor();
            tryVerify(() => model.rowCount() === 0);
            compare(model.source, null);
        }

        function test_rolesInAView() {
            rig.show(fakes);
            compare(rows.count, 0);
            rig.addFake("second");
            rig.addFake("first", 0);
            tryCompare(rows, "count", 2);
            compare(rows.itemAt(0).name, "first");
            compare(rows.itemAt(1).name, "second");
            compare(rows.itemAt(1).status.name, "second");
            rig.setFakeState("second", ServiceStatus.Running);
            tryCompare(rows.itemAt(1), "state_", ServiceStatus.Running);
            compare(rows.itemAt(1).stateText, "running");
            tryCompare(rows.itemAt(1).status, "state", ServiceStatus.Running);
            rig.removeFake("first");
            tryCompare(rows, "count", 1);
            compare(rows.itemAt(0).name, "second");
        }

        function test_aSourceThatIsNone() {
            fakes.source = root;
            compare(fakes.source, null);
            compare(fakes.rowCount(), 0);
            const warnings = rig.takeWarnings();
            compare(warnings.length, 1);
            verify(/has nothing to show/.test(warnings[0]), warnings[0]);
        }
    }
}
