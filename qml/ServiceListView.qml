// SPDX-License-Identifier: Apache-2.0
import QtQuick
import MicroIO

/// Every service of a group or a supervisor, live, a row each.
RowsView {
    id: root

    /// A ServiceGroup, a Supervisor or a ServiceThread.
    property QtObject source
    /// See ServiceModel: how often figures are looked at, in milliseconds.
    property int refreshInterval: 1000

    placeholderText: qsTr("No services")
    model: ServiceModel {
        source: root.source
        refreshInterval: root.refreshInterval
    }
    delegate: ServiceDelegate {}

    Accessible.name: qsTr("Services")
}
