// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls
import QtTest
import MicroIO
import Rig

Item {
    id: root

    width: 200
    height: 100

    Rig {
        id: rig
    }

    Rectangle {
        id: page

        property bool isDark: false

        width: 40
        height: 40
        color: palette.window
        palette.window: isDark ? "#202124" : "#fafafa"

        ServiceIndicator {
            id: indicator
            x: 10
            y: 10
            width: 20
            height: 20
        }
    }

    ServiceStatus {
        id: status
        name: "reader"
    }

    TestCase {
        name: "ServiceIndicator"
        when: windowShown

        function init() {
            rig.watch();
        }

        function cleanup() {
            indicator.status = null;
            compare(rig.endWatch(), []);
        }

        function test_coloursAndForms_data() {
            const rows = [];
            const add = (state, name, light, dark, form) => {
                rows.push({tag: name + " light", state: state, isDark: false, colour: light, form: form});
                rows.push({tag: name + " dark", state: state, isDark: true, colour: dark, form: form});
            };
            add(ServiceStatus.Absent, "absent", "#707070", "#9a9a9a", "ring");
            add(ServiceStatus.Idle, "idle", "#707070", "#9a9a9a", "ring");
            add(ServiceStatus.Starting, "starting", "#1f6fbf", "#5aa9f0", "ring with a dot");
            add(ServiceStatus.Running, "running", "#218739", "#4cc26b", "disc");
            add(ServiceStatus.Stopping, "stopping", "#1f6fbf", "#5aa9f0", "ring with a dot");
            add(ServiceStatus.Stopped, "stopped", "#707070", "#9a9a9a", "ring");
            add(ServiceStatus.Failed, "failed", "#c42b1c", "#ff6b5e", "square");
            add(ServiceStatus.Waiting, "waiting", "#a86a00", "#e6b450", "ring");
            return rows;
        }

        function test_coloursAndForms(data) {
            page.isDark = data.isDark;
            indicator.serviceState = data.state;
            const picture = grabImage(page);
            const at = (x, y) => String(picture.pixel(10 + x, 10 + y));
            const back = String(page.color);
            compare(at(10, 1), data.colour); // the border, which every form has
            compare(at(10, 10), data.form === "ring" ? back : data.colour);
            compare(at(10, 5), data.form.startsWith("ring") ? back : data.colour);
            compare(at(1, 1) === back, data.form !== "square");
        }

        function test_followsAStatus() {
            rig.addFake("reader");
            rig.show(status);
            indicator.status = status;
            indicator.serviceState = Qt.binding(() => indicator.status ? indicator.status.state : ServiceStatus.Absent);
            rig.setFakeState("reader", ServiceStatus.Failed);
            tryCompare(indicator, "serviceState", ServiceStatus.Failed);
            compare(indicator.text, "failed");
            const told = rig.accessible(indicator);
            compare(told.name, "failed");
            compare(told.role, "Indicator");
            indicator.status = null;
            compare(indicator.serviceState, ServiceStatus.Absent);
        }

        function test_aColourOfOnesOwn() {
            page.isDark = false;
            const own = createTemporaryObject(ownColour, page);
            compare(String(grabImage(page).pixel(5, 5)), "#123456");
            own.destroy();
        }
        Component {
            id: ownColour
            ServiceIndicator {
                width: 10
                height: 10
                serviceState: ServiceStatus.Running
                color: "#123456"
            }
        }
    }
}
