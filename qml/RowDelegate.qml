// SPDX-License-Identifier: Apache-2.0
import QtQuick
import QtQuick.Controls

/// A row whose colours go with the palette in every style: the current one is tinted, and has a frame if keys go to it.
ItemDelegate {
    id: root

    width: ListView.view ? ListView.view.width : implicitWidth
    highlighted: ListView.isCurrentItem
    onClicked: {
        const view = root.ListView.view;
        if (view)
            view.currentIndex = view.indexAt(root.x + 1, root.y + 1);
    }
    background: Rectangle {
        color: Qt.alpha(root.palette.highlight, (root.highlighted ? 0.12 : 0) + (root.down ? 0.12 : 0))
        border.width: root.activeFocus ? 2 : 0
        border.color: root.palette.highlight
    }

    Accessible.role: Accessible.ListItem
    Accessible.selected: highlighted
    Accessible.onPressAction: root.clicked()
}
