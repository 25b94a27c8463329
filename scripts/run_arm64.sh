#!/usr/bin/env bash
# Runs an arm64 memory_benchmark on this machine under qemu-user: what it writes and says can be judged,
# timings mean nothing.
#   scripts/run_arm64.sh TREE ARGS...
# TREE    what `cmake --install build/arm64 --prefix TREE` wrote, or an unpacked arm64 package (its usr)
# The command line starts probes, and this system cannot start arm64 programs: each stands behind a line
# of shell that starts qemu. (A system-wide binfmt_misc entry would do the same, and change the system.)
# ARM64_ROOT  the root whose libraries serve it (default: what scripts/arm64_sysroot.sh makes)
# QEMU_CPU    the processor to be (qemu-aarch64-static's own variable; default: max)
set -euo pipefail
tree="$(realpath "$1")"
shift
root="${ARM64_ROOT:-${HOME:-/root}/.cache/memory_benchmark/arm64/root}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cp "$tree/bin/memory_benchmark" "$folder/"
for probe in "$tree"/libexec/memory_benchmark/*; do
  printf '#!/bin/sh\nexec qemu-aarch64-static -L %q %q "$@"\n' "$root" "$probe" >"$folder/${probe##*/}"
  chmod +x "$folder/${probe##*/}"
done
# A tree with libraries of its own finds them beside its programs; the copy must be told.
export QEMU_SET_ENV="LD_LIBRARY_PATH=$tree/lib/memory_benchmark:$tree/lib"
qemu-aarch64-static -L "$root" "$folder/memory_benchmark" "$@"
