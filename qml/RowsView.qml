// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls

/// A list of RowDelegates: one stop of the Tab key, and the arrow keys from there; a text in the place of rows that are not there.
ListView {
    id: root

    property string placeholderText

    clip: true
    activeFocusOnTab: true
    keyNavigationEnabled: true
    boundsBehavior: Flickable.StopAtBounds
    highlightMoveDuration: 100
    ScrollBar.vertical: ScrollBar {}

    Accessible.role: Accessible.List
    Accessible.description: count === 0 ? placeholderText : ""

    Label {
        objectName: "placeholder"
        parent: root // not what is scrolled
        anchors.centerIn: parent
        width: Math.min(implicitWidth, root.width)
        visible: root.count === 0
        text: root.placeholderText
        wrapMode: Text.Wrap
        horizontalAlignment: Text.AlignHCenter
        Accessible.ignored: true
    }
}
