// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtTest
import MicroIO
import Rig

Item {
    id: root

    width: 300
    height: 200

    Rig {
        id: rig
    }

    IncidentView {
        id: view
        anchors.fill: parent
        source: rig.supervisor
    }

    TestCase {
        name: "IncidentView"
        when: windowShown

        function init() {
            rig.watch();
        }

        function cleanup() {
            view.anchors.bottomMargin = 0;
            view.model.source = null;
            view.model.source = Qt.binding(() => view.source);
            rig.deleteSupervisor();
            tryCompare(view, "count", 0);
            compare(rig.endWatch(), []);
        }

        function atEnd(): bool {
            return view.currentIndex === view.count - 1 && view.atYEnd;
        }

        function test_withoutASupervisorItSaysSo() {
            tryCompare(findChild(view, "placeholder"), "visible", true);
            compare(findChild(view, "placeholder").text, "No incidents");
            const told = rig.accessible(view);
            compare(told.role, "List");
            compare(told.name, "Incidents");
        }

        function test_saysWhatWentWrongAndWhatWasDone() {
            rig.supervise(["printer"]);
            rig.start();
            let hasFailed = false; // once: tryVerify() asks again after it was told yes
            tryVerify(() => hasFailed = hasFailed || rig.fail("printer"));
            tryCompare(view, "count", 1);
            tryVerify(() => view.itemAtIndex(0));
            const row = view.itemAtIndex(0);
            verify(/^\d\d:\d\d:\d\d printer$/.test(findChild(row, "title").text), findChild(row, "title").text);
            verify(/out of paper.*: ./.test(findChild(row, "what").text), findChild(row, "what").text);
            const told = rig.accessible(row);
            compare(told.role, "ListItem");
            compare(told.name, findChild(row, "title").text);
            compare(told.description, findChild(row, "what").text);
            verify(rig.takeWarnings().length > 0);
        }

        function test_theNewestIsShownUnlessAnOlderOneIsRead() {
            rig.show(view.model);
            for (let i = 0; i < 3; ++i)
                rig.addIncident("printer", "a long story about paper number " + i);
            tryCompare(view, "count", 3);
            tryVerify(atEnd);
            for (let i = 3; i < 12; ++i) // more than are kept
                rig.addIncident("printer", "a long story about paper number " + i);
            tryVerify(() => view.count === 5 && /number 11/.test(findChild(view.currentItem, "what").text));
            tryVerify(atEnd);
            view.anchors.bottomMargin = 100; // a window that becomes smaller
            tryVerify(() => view.height === 100 && atEnd());
            view.anchors.bottomMargin = 0;
            tryVerify(() => view.height === 200 && atEnd());
            view.forceActiveFocus();
            keyClick(Qt.Key_Up);
            keyClick(Qt.Key_Up);
            const read = findChild(view.currentItem, "what").text;
            verify(/number 9/.test(read), read);
            rig.addIncident("printer", "the last one");
            tryVerify(() => view.itemAtIndex(4) === null || /the last one/.test(findChild(view.itemAtIndex(4), "what").text));
            tryVerify(() => findChild(view.currentItem, "what").text === read && view.currentIndex === 1);
        }

        function test_aSourceThatIsNone() {
            view.model.source = root;
            compare(view.count, 0);
            verify(/has nothing to show/.test(rig.takeWarnings()[0]));
        }
    }
}
