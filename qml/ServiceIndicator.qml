// SPDX-License-Identifier: Apache-2.0
import QtQuick
import MicroIO

/// A sign of a service's state. Colours differ, and so do forms: a disc runs, a ring does not, a ring with a dot is on its way from
/// one to the other, a square has failed.
///
/// Its colours are made for the lightness of palette.window; \a color may be set.
Item {
    id: root

    /// Whose state is shown; or none, and serviceState and text are set instead.
    property ServiceStatus status
    /// A ServiceStatus.State.
    property int serviceState: status ? status.state : ServiceStatus.Absent
    /// What a screen reader says.
    property string text: status ? status.stateText : ""

    readonly property bool isDark: palette.window.hslLightness < 0.5
    property color color: {
        switch (serviceState) {
        case ServiceStatus.Running:
            return isDark ? "#4cc26b" : "#218739";
        case ServiceStatus.Starting:
        case ServiceStatus.Stopping:
            return isDark ? "#5aa9f0" : "#1f6fbf";
        case ServiceStatus.Waiting:
            return isDark ? "#e6b450" : "#a86a00";
        case ServiceStatus.Failed:
            return isDark ? "#ff6b5e" : "#c42b1c";
        default:
            return isDark ? "#9a9a9a" : "#707070";
        }
    }

    implicitWidth: 14
    implicitHeight: 14

    Accessible.role: Accessible.Indicator
    Accessible.name: text

    Rectangle {
        readonly property bool isFailed: root.serviceState === ServiceStatus.Failed

        anchors.centerIn: parent
        width: Math.min(parent.width, parent.height)
        height: width
        radius: isFailed ? width / 7 : width / 2
        color: isFailed || root.serviceState === ServiceStatus.Running ? root.color : "transparent"
        border.width: Math.max(2, Math.round(width / 7))
        border.color: root.color

        Rectangle {
            anchors.centerIn: parent
            width: 2 * Math.round(parent.width / 5)
            height: width
            radius: width / 2
            visible: root.serviceState === ServiceStatus.Starting || root.serviceState === ServiceStatus.Stopping
            color: root.color
        }
    }
}
