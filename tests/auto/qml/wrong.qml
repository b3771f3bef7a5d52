// SPDX-License-Identifier: Apache-2.0
// Made for qmllint, which has to find each of the wrong names.
import QtQuick
import MicroIO

Item {
    ServiceStatus {
        id: service

        name: "reader"
        lable: "assigned to a status"
    }
    ServiceModel {
        id: services

        supervisor: null
    }
    IncidentModel {
        limit: 3
    }
    ServiceIndicator {
        serviceStat: ServiceStatus.Running
    }
    Text {
        text: service.uptimee
    }

    function call() {
        service.reboot();
    }
    function ask() {
        service.restart().than(error => console.log(error));
    }
    function look() {
        return services.status(0).stat;
    }
}
