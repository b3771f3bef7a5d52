// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls
import QtTest
import MicroIO
import Rig

Item {
    id: root

    width: 500
    height: 400

    Rig {
        id: rig
    }

    Button {
        id: before
        text: "before"
    }
    ServiceListView {
        id: view
        anchors.fill: parent
        anchors.topMargin: 40
        anchors.bottomMargin: 40
        source: rig.supervisor
    }
    Button {
        id: after
        anchors.bottom: parent.bottom
        text: "after"
    }

    ServiceModel {
        id: fakes
    }
    Component {
        id: fakeView

        ServiceListView {
            width: 400
            height: 300
            model: fakes
        }
    }

    TestCase {
        name: "ServiceListView"
        when: windowShown

        function init() {
            rig.watch();
        }

        function cleanup() {
            rig.deleteSupervisor();
            tryCompare(view, "count", 0);
            compare(rig.endWatch(), []);
        }

        function row(index: int): ServiceDelegate {
            tryVerify(() => { // one whose service is not on its way out
                const item = view.itemAtIndex(index) as ServiceDelegate;
                return item && item.status;
            });
            return view.itemAtIndex(index) as ServiceDelegate;
        }

        function supervise(names: list<string>) {
            rig.supervise(names);
            rig.start();
            names.forEach((name, i) => tryCompare(row(i).status, "state", ServiceStatus.Running));
        }

        function test_withoutASupervisorItSaysSo() {
            const placeholder = findChild(view, "placeholder");
            tryCompare(placeholder, "visible", true);
            compare(view.count, 0);
            compare(placeholder.text, "No services");
            const told = rig.accessible(view);
            compare(told.role, "List");
            compare(told.name, "Services");
            compare(told.description, "No services");
            rig.supervise(["a"]);
            tryCompare(placeholder, "visible", false);
            compare(view.count, 1);
        }

        function test_rowsSayWhatServicesDo() {
            supervise(["a", "b"]);
            compare(row(0).text, "a");
            compare(row(1).text, "b");
            verify(/^running, for 0 s$/.test(findChild(row(0), "details").text));
            rig.fail("a");
            tryVerify(() => /restarts: 1/.test(findChild(row(0), "details").text));
            verify(/out of paper/.test(findChild(row(0), "problem").text));
            tryCompare(row(0).status, "state", ServiceStatus.Running);
            tryVerify(() => /^last failure: .*out of paper/.test(findChild(row(0), "problem").text));
            const told = rig.accessible(row(0));
            compare(told.role, "ListItem");
            compare(told.name, "a: " + findChild(row(0), "details").text);
            verify(/out of paper/.test(told.description));
            compare(told.selected, true);
            compare(rig.accessible(row(1)).selected, false);
            verify(rig.takeWarnings().every(line => /microio\.service: Service a has failed: out of paper/.test(line)));
        }

        function test_rowsComeAndGo() {
            supervise(["a", "b"]);
            rig.addService("c");
            tryCompare(view, "count", 3);
            compare(row(2).text, "c");
            rig.removeService("a");
            tryCompare(view, "count", 2);
            tryVerify(() => row(0).text === "b");
            rig.deleteSupervisor();
            tryCompare(findChild(view, "placeholder"), "visible", true);
            compare(view.count, 0);
        }

        function test_keyboard() {
            supervise(["a", "b", "c"]);
            before.forceActiveFocus(Qt.TabFocusReason);
            keyClick(Qt.Key_Tab);
            compare(view.currentIndex, 0);
            verify(row(0).activeFocus);
            keyClick(Qt.Key_Down);
            compare(view.currentIndex, 1);
            verify(row(1).activeFocus);
            keyClick(Qt.Key_Tab);
            const toggle = findChild(row(1), "toggle");
            verify(toggle.activeFocus);
            compare(toggle.text, "Stop");
            keyClick(Qt.Key_Space);
            tryCompare(row(1).status, "state", ServiceStatus.Stopped);
            compare(toggle.text, "Start");
            keyClick(Qt.Key_Space);
            tryCompare(row(1).status, "state", ServiceStatus.Running);
            keyClick(Qt.Key_Tab);
            const restart = findChild(row(1), "restart");
            verify(restart.activeFocus);
            // its states may change and change back between two updates
            const replaced = createTemporaryObject(spy, root, {target: rig.supervisor});
            keyClick(Qt.Key_Space);
            tryVerify(() => replaced.count > 0 && row(1).status.state === ServiceStatus.Running);
            keyClick(Qt.Key_Down); // from a button to the next row
            compare(view.currentIndex, 2);
            verify(row(2).activeFocus);
            keyClick(Qt.Key_Tab);
            keyClick(Qt.Key_Tab);
            keyClick(Qt.Key_Tab); // other rows' buttons are not on the way
            verify(after.activeFocus);
            keyClick(Qt.Key_Backtab);
            verify(findChild(row(2), "restart").activeFocus);
        }
        Component {
            id: spy
            SignalSpy {
                signalName: "serviceReplaced"
            }
        }

        function test_mouse() {
            supervise(["a", "b"]);
            mouseClick(findChild(row(1), "name"));
            compare(view.currentIndex, 1);
            compare(row(1).status.state, ServiceStatus.Running);
            mouseClick(findChild(row(1), "toggle"));
            tryCompare(row(1).status, "state", ServiceStatus.Stopped);
        }

        function test_screenReader() {
            supervise(["a", "b"]);
            verify(rig.press(row(1)));
            compare(view.currentIndex, 1);
            compare(row(1).status.state, ServiceStatus.Running);
            const toggle = findChild(row(0), "toggle");
            const told = rig.accessible(toggle);
            compare(told.name, "Stop a");
            compare(told.role, "Button");
            compare(told.disabled, false);
            compare(rig.accessible(findChild(row(0), "restart")).name, "Restart a");
            verify(rig.press(toggle));
            tryCompare(row(0).status, "state", ServiceStatus.Stopped);
            compare(rig.accessible(toggle).name, "Start a");
        }

        function test_whatCannotBeDoneCannotBePressed() {
            rig.supervise(["a"]); // and not started
            tryCompare(view, "count", 1);
            verify(!findChild(row(0), "restart").enabled);
            compare(findChild(row(0), "toggle").text, "Start");
        }

        function test_aRefusalIsShown() {
            rig.supervise(["a"]);
            tryCompare(view, "count", 1);
            const refusals = createTemporaryObject(refusalSpy, root, {target: row(0)});
            findChild(row(0), "toggle").clicked();
            tryCompare(refusals, "count", 1);
            const error = refusals.signalArguments[0][0];
            verify(error !== "");
            compare(findChild(row(0), "problem").text, error);
            verify(findChild(row(0), "problem").visible);
            verify(rig.takeWarnings()[0].includes(error));
            rig.start();
            tryCompare(row(0).status, "state", ServiceStatus.Running);
            compare(findChild(row(0), "problem").text, "");
        }
        Component {
            id: refusalSpy
            SignalSpy {
                signalName: "refused"
            }
        }

        function test_statesInOrder() {
            rig.show(fakes);
            rig.addFake("states");
            const own = createTemporaryObject(fakeView, root);
            tryCompare(own, "count", 1);
            tryVerify(() => own.itemAtIndex(0));
            const details = findChild(own.itemAtIndex(0), "details");
            const expected = [[ServiceStatus.Starting, "starting", "Stop"], [ServiceStatus.Running, "running, for 0 s", "Stop"],
                [ServiceStatus.Failed, "failed", "Start"], [ServiceStatus.Waiting, "waiting to be restarted", "Stop"],
                [ServiceStatus.Stopping, "stopping", "Start"], [ServiceStatus.Stopped, "stopped", "Start"]];
            for (const [state, text, button] of expected) {
                rig.setFakeState("states", state);
                tryCompare(details, "text", text);
                compare(findChild(own.itemAtIndex(0), "toggle").text, button);
            }
            rig.setFakeFacts("states", 2, 5, true);
            tryCompare(details, "text", "stopped, restarts: 2, queued: 5");
            verify(findChild(own.itemAtIndex(0), "toggle").enabled);
        }

        function test_aDelegateWithoutAService() {
            const own = createTemporaryObject(alone, root);
            compare(own.text, "");
            own.toggle();
            own.restart();
            verify(!findChild(own, "toggle").enabled);
        }
        Component {
            id: alone
            ServiceDelegate {
                status: null
            }
        }
    }
}
