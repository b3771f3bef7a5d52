// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtTest
import MicroIO
import Rig

TestCase {
    id: root

    property var seen: []
    property var kept

    name: "ServiceStatus"

    Rig {
        id: rig
    }

    Component {
        id: statusOf

        ServiceStatus {
            onStateChanged: root.seen.push(stateText)
        }
    }

    function make(properties: var): ServiceStatus {
        root.seen = [];
        return createTemporaryObject(statusOf, root, properties);
    }

    /// Waits for the answer of a call.
    function answerOf(call: var): string {
        let answer;
        call.then(error => answer = error);
        tryVerify(() => answer !== undefined);
        return answer;
    }

    function init() {
        rig.watch();
    }

    function cleanup() {
        rig.deleteSupervisor();
        compare(rig.endWatch(), []);
    }

    function test_propertiesOfNothing() {
        const status = make({});
        compare(status.name, "");
        compare(status.source, null);
        compare(status.state, ServiceStatus.Absent);
        compare(status.state, ServiceStatus.State.Absent);
        compare(status.stateText, "not there");
        compare(status.errorString, "");
        compare(status.uptime, 0);
        compare(status.restartCount, 0);
        compare(status.loopLag, 0);
        compare(status.queuedItems, 0);
        compare(status.pendingRequests, 0);
        compare(status.canRestart, false);
        compare(status.refreshInterval, 1000);
    }

    function test_statesInOrder() {
        const states = ["starting", "running", "failed", "waiting to be restarted", "starting", "running", "stopping", "stopped"];
        const status = make({name: "states"});
        rig.addFake("states");
        rig.show(status);
        for (const text of states) {
            const before = root.seen.length;
            rig.setFakeState("states", {
                "starting": ServiceStatus.Starting,
                "running": ServiceStatus.Running,
                "failed": ServiceStatus.Failed,
                "waiting to be restarted": ServiceStatus.Waiting,
                "stopping": ServiceStatus.Stopping,
                "stopped": ServiceStatus.Stopped
            }[text]);
            tryVerify(() => root.seen.length > before);
        }
        compare(root.seen, ["not started"].concat(states));
    }

    function test_facts() {
        const status = make({name: "facts", refreshInterval: 0});
        rig.addFake("facts");
        rig.show(status);
        rig.setFakeState("facts", ServiceStatus.Failed, "no paper");
        rig.setFakeFacts("facts", 3, 17, true);
        tryCompare(status, "restartCount", 3);
        compare(status.errorString, "no paper");
        compare(status.canRestart, true);
        tryCompare(status, "queuedItems", 17);
    }

    function test_callsAnswer() {
        rig.supervise(["reader"]);
        const status = make({source: rig.supervisor, name: "reader"});
        compare(status.state, ServiceStatus.Idle);
        rig.start();
        tryCompare(status, "state", ServiceStatus.Running);
        compare(status.canRestart, true);
        compare(answerOf(status.restart()), "");
        compare(answerOf(status.stop()), "");
        tryCompare(status, "state", ServiceStatus.Stopped);
        compare(answerOf(status.start()), "");
        tryCompare(status, "state", ServiceStatus.Running);
        compare(root.seen[root.seen.length - 1], "running");
    }

    function test_refusalsSayWhyAndWhere_data() {
        return [
            {tag: "no such service", names: ["reader"], start: true, name: "wrietr", call: s => s.restart(), error: /there is no service "wrietr"/},
            {tag: "fails again", names: ["reader", "broken"], start: false, name: "broken", call: s => s.start(), error: /./},
            {tag: "not started", names: ["reader"], start: false, name: "reader", call: s => s.restart(), error: /./},
        ];
    }

    function test_refusalsSayWhyAndWhere(data) {
        rig.supervise(data.names);
        if (data.start)
            rig.start();
        const status = make({source: rig.supervisor, name: data.name});
        const error = answerOf(data.call(status));
        verify(data.error.test(error), error);
        const warnings = rig.takeWarnings();
        compare(warnings.length, 1);
        verify(/^warning microio\.qml: .*tst_servicestatus\.qml:\d+: /.test(warnings[0]), warnings[0]);
        verify(warnings[0].includes(error), warnings[0]);
    }

    function test_anErrorCarriesItsCauses() {
        rig.supervise([]);
        rig.start();
        rig.addService("broken");
        const status = make({source: rig.supervisor, name: "broken"});
        const error = answerOf(status.restart());
        verify(/it is broken/.test(error), error);
        const warnings = rig.takeWarnings().filter(line => line.includes("microio.qml"));
        compare(warnings.length, 1);
    }

    function test_unknownNames() {
        const status = make({});
        let error = "";
        try {
            status.reboot();
        } catch (problem) {
            error = String(problem);
        }
        verify(/TypeError.*reboot/.test(error), error);
        compare(status.lable, undefined);
    }

    function test_anErrorInACallbackIsTold() {
        rig.addFake("told");
        const status = make({name: "told"});
        rig.show(status);
        status.stop().then(error => status.reboot());
        status.stop().then(() => {
            throw "a word";
        });
        const warnings = rig.takeWarnings();
        compare(warnings.length, 2);
        verify(/tst_servicestatus\.qml:\d+: TypeError: .*reboot/.test(warnings[0]), warnings[0]);
        verify(/a word/.test(warnings[1]), warnings[1]);
    }

    function test_thenTakesFunctionsOnly() {
        rig.addFake("function");
        const status = make({name: "function"});
        rig.show(status);
        status.stop().then("done");
        const warnings = rig.takeWarnings();
        compare(warnings.length, 1);
        verify(/tst_servicestatus\.qml:\d+: then\(\) takes a function$/.test(warnings[0]), warnings[0]);
    }

    function test_aCallMayBeKept() {
        rig.addFake("kept");
        const status = make({name: "kept"});
        rig.show(status);
        root.kept = status.stop();
        let answer;
        const again = root.kept;
        again.then(error => answer = error);
        tryVerify(() => answer === "");
        root.kept = undefined;
    }

    function test_whoGoesIsNotAnswered() {
        rig.supervise(["late"]);
        rig.start();
        const status = make({source: rig.supervisor, name: "late"});
        tryCompare(status, "state", ServiceStatus.Starting);
        let answered = false;
        const call = status.start();
        call.then(error => answered = true);
        status.destroy();
        wait(50); // for what must not happen
        verify(!answered);
    }

    function test_serviceDeletedWhileShown() {
        const thread = rig.newThread("reader");
        const status = make({source: thread});
        compare(status.name, "reader");
        compare(answerOf(status.start()), "");
        tryCompare(status, "state", ServiceStatus.Running);
        rig.deleteThread(thread);
        tryCompare(status, "state", ServiceStatus.Absent);
        compare(status.source, null);
        verify(/there is no service/.test(answerOf(status.stop())));
        compare(rig.takeWarnings().length, 1);
    }

    function test_supervisorDeletedWhileShown() {
        rig.supervise(["reader"]);
        rig.start();
        const status = make({source: rig.supervisor, name: "reader"});
        tryCompare(status, "state", ServiceStatus.Running);
        rig.deleteSupervisor();
        tryCompare(status, "state", ServiceStatus.Absent);
        verify(/there is no service/.test(answerOf(status.restart())));
        compare(rig.takeWarnings().length, 1);
    }

    function test_aSourceThatIsNone() {
        const status = make({source: root, name: "reader"});
        compare(status.source, null);
        compare(status.state, ServiceStatus.Absent);
        const warnings = rig.takeWarnings();
        compare(warnings.length, 1);
        verify(/has nothing to show/.test(warnings[0]), warnings[0]);
    }
}
