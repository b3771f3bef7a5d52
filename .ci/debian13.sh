#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian 13 in a root of its own, which is gone afterwards: newer Qt, QCoro and g++; static, Debug.
#
# "debian13.sh packages" only installs what it needs of this system. After that, with MICROIO_CI_TURN, the root is made and all
# is built there with what others leave of the processors, and nothing is tested before the file of that name is there.
. "$(dirname "$0")/common.sh"

[ "$(id -u)" -eq 0 ] || die "debian13 must be run as root: it needs chroot and mount"

# The mirror of this system's own release, from apt itself, whatever way its sources are written down.
host_mirror()
{
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(CODENAME) $(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk -v codename="$codename" '$1 == codename && $2 == "Debian" && $3 == "main" { print $4; exit }'
}

if [ -n "${MICROIO_CI_TURN:-}" ]; then
    be_nice 19
    (
        while kill -0 $PPID 2>/dev/null; do
            if [ -e "$MICROIO_CI_TURN" ]; then
                be_nice 0
            fi
            sleep 1
        done
        kill -TERM -- -$$ # who has begun this is gone, and cannot end it
    ) &
elif [ -z "${MICROIO_DEBIAN13_ROOT:-}" ]; then
    say "installing debootstrap"
    apt update
    apt install --no-install-recommends git debootstrap debian-archive-keyring   # a keyring that knows Debian 13
fi
[ "$*" != packages ] || exit 0

root=
made=no
mounted=no
cleanup()
{
    local status=$?
    trap '' INT TERM HUP
    if [ "$mounted" = yes ]; then
        umount "$root/proc" || umount -l "$root/proc"
    fi
    if [ "$made" = yes ]; then
        if mountpoint -q "$root/proc"; then
            printf 'not removed, /proc is still mounted: %s\n' "$root" >&2
        else
            rm -rf --one-file-system "$root"
        fi
    fi
    exit $status
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -n "${MICROIO_DEBIAN13_ROOT:-}" ]; then
    root=$MICROIO_DEBIAN13_ROOT
else
    mirror=${MICROIO_DEBIAN_MIRROR:-$(host_mirror)}
    [ -n "$mirror" ] || die "apt knows no Debian mirror here: name one in MICROIO_DEBIAN_MIRROR"

    eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
    export http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}"

    say "making a Debian 13 root"
    for directory in "${TMPDIR:-/tmp}" /var/tmp "$work_dir"; do
        if ! findmnt -n -o OPTIONS -T "$directory" | grep -q -w -E 'nodev|noexec'; then
            break
        fi
    done
    root=$(mktemp -d "$directory/microio-debian13.XXXXXX")
    made=yes
    chmod 755 "$root"
    debootstrap --variant=minbase --include=ca-certificates trixie "$root" "$mirror" >"$work_dir/debootstrap.log" 2>&1 ||
        { tail -n 40 "$work_dir/debootstrap.log"; die "debootstrap"; }
    if [ -n "$http_proxy$https_proxy" ]; then
        printf 'Acquire::http::Proxy "%s";\nAcquire::https::Proxy "%s";\n' "$http_proxy" "$https_proxy" \
            >"$root/etc/apt/apt.conf.d/80proxy"
    fi
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io" # nobody misses the root after a power cut
fi
for file in /etc/resolv.conf /etc/hosts; do
    [ ! -e $file ] || cp -L --remove-destination $file "$root$file"
done
if ! mountpoint -q "$root/proc"; then
    mount -t proc proc "$root/proc"
    mounted=yes
fi

say "copying the tree"
rm -rf "$root/microio"
mkdir "$root/microio"
tree_files | tar -c -T - | tar -x -C "$root/microio" --no-same-owner

inside()
{
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 CI="${CI:-}" \
        MICROIO_CI_DIR=/microio/build/ci MICROIO_JOBS="$jobs" MICROIO_STRESS="${MICROIO_STRESS:-}" \
        chroot "$root" bash /microio/.ci/debian13-inside.sh "$@"
}
if [ -n "${MICROIO_CI_TURN:-}" ]; then
    inside build
    until [ -e "$MICROIO_CI_TURN" ]; do
        sleep 1
    done
fi
inside
