#!/usr/bin/env bash
# Prints the Depends of a .deb of the given programs, as dpkg-shlibdeps finds them.
#   debian_depends.sh SYSROOT TRIPLET FOLDER PROGRAM...
# SYSROOT is / for this machine's libraries; another root needs dpkg's database in var/lib/dpkg.
set -euo pipefail
sysroot="$1" triplet="$2" folder="$3"
shift 3
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: memory-benchmark\n\nPackage: memory-benchmark\nArchitecture: any\n' >"$work/debian/control"
options=()
if [[ "$sysroot" != / ]]; then
  options=("--admindir=$sysroot/var/lib/dpkg" "-l$sysroot/usr/lib/$triplet" "-S$sysroot")
  DEB_HOST_ARCH="$(dpkg-architecture -A "${triplet%%-*}" -qDEB_HOST_ARCH 2>/dev/null || true)"
  [[ "$triplet" == aarch64-* ]] && DEB_HOST_ARCH=arm64
  export DEB_HOST_ARCH
fi
cd "$work"
dpkg-shlibdeps "${options[@]}" -O "${@/#/$folder/}" 2> >(grep -v 'should already be installed' >&2) | sed -n 's/^shlibs:Depends=//p'
