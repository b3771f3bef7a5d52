#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# inxvfb.sh COMMAND...: runs it in an X server of its own. Status 77 where there is none.
set -eu

if ! command -v xvfb-run >/dev/null || ! command -v xauth >/dev/null; then
    echo "skipped: there is no xvfb-run (Debian: apt-get install xvfb xauth libxcb-cursor0)"
    exit 77
fi
# Without a directory of its own, Qt complains; and a desktop that this runs in is not to be asked about anything.
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR
trap 'rm -rf "$XDG_RUNTIME_DIR"' EXIT
unset DBUS_SESSION_BUS_ADDRESS WAYLAND_DISPLAY QT_STYLE_OVERRIDE QT_QPA_PLATFORMTHEME || :
xvfb-run -a -s "-screen 0 1280x1024x24" "$@"
