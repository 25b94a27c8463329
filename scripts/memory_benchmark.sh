#!/usr/bin/env bash
# Sets up, builds and runs memory_benchmark. Nothing is asked, nothing but the build folder written.
#   scripts/memory_benchmark.sh                    the main job: measure, fit, advise, report
#   scripts/memory_benchmark.sh run --quick        any arguments go to memory_benchmark
#   scripts/memory_benchmark.sh 1G run.log         serial and parallel /dev/shm test (size, log file)
set -euo pipefail
source_folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build_folder="$source_folder/build/release"
log="$build_folder/build.log"

"$source_folder/scripts/install_packages.sh"

mkdir -p "$build_folder"
if [[ ! -f "$build_folder/build.ninja" ]]; then
  echo "Configuring (once; log: $log)" >&2
  (cd "$source_folder" && cmake --preset release) >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
[[ -x "$build_folder/bin/memory_benchmark" ]] ||
  echo "Building a release (a few minutes, once; log: $log)" >&2
cmake --build "$build_folder" >>"$log" 2>&1 || { tail -n 40 "$log" >&2; exit 1; }

# The published form: a size and a log file.
if (($# == 2)) && [[ "$1" =~ ^[0-9]+[KMGTkmgt](i?[Bb])?(,.*)?$ ]]; then
  set -- shm "$@"
fi
exec "$build_folder/bin/memory_benchmark" "$@"
