#!/usr/bin/env bash
# Prints the Depends of a .deb of the given programs, as dpkg-shlibdeps finds them.
#   debian_depends.sh SYSROOT TRIPLET FOLDER PROGRAM...
# SYSROOT is / for this machine's libraries; another root needs dpkg's records (record_dpkg.sh).
set -euo pipefail
sysroot="$1" triplet="$2" folder="$3"
shift 3
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: memory-benchmark\n\nPackage: memory-benchmark\nArchitecture: any\n' >"$work/debian/control"
options=()
if [[ "$sysroot" != / ]]; then
  # dpkg asks for the full name of a library, which its root's database does not know: its packages'
  # own shlibs then say what stands for it (whole versions in place of symbols').
  cat "$sysroot"/var/lib/dpkg/info/*.shlibs | grep -v '^udeb:' >"$work/shlibs"
  options=("-L$work/shlibs" "-l$sysroot/usr/lib/$triplet")
  DEB_HOST_ARCH="$(dpkg-architecture --host-type "$triplet" --query DEB_HOST_ARCH 2>/dev/null)"
  export DEB_HOST_ARCH
fi
cd "$work"
dpkg-shlibdeps "${options[@]}" -O "${@/#/$folder/}" 2> >(grep -v 'should already be installed' >&2) | sed -n 's/^shlibs:Depends=//p'
