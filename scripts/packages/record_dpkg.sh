#!/usr/bin/env bash
# Writes dpkg's database for a root whose packages were only unpacked, so that packaging can ask which
# package a file is of and which dependency a library stands for.
#   record_dpkg.sh ROOT DEB...
set -euo pipefail
database="$1/var/lib/dpkg"
shift
mkdir -p "$database/info" "$database/updates"
: >"$database/status"
echo 1 >"$database/info/format"  # names of lists carry the architecture
control="$(mktemp -d)"
trap 'rm -rf "$control"' EXIT
for package in "$@"; do
  name="$(dpkg-deb -f "$package" Package)"
  [[ "$(dpkg-deb -f "$package" Multi-Arch)" != same ]] || name+=":$(dpkg-deb -f "$package" Architecture)"
  { dpkg-deb -f "$package" && printf 'Status: install ok installed\n\n'; } >>"$database/status"
  { echo /. && dpkg-deb --fsys-tarfile "$package" | tar -t | sed -n 's|^\./\(.\+\)|/\1|p' | sed 's|/$||'; } \
    >"$database/info/$name.list"
  rm -rf "${control:?}"/*
  dpkg-deb -e "$package" "$control"
  for file in shlibs symbols md5sums; do
    [[ ! -f "$control/$file" ]] || cp "$control/$file" "$database/info/$name.$file"
  done
done
