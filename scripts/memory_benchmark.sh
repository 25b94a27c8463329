#!/usr/bin/env bash
# Runs memory_benchmark: the installed program or an unpacked package where there is one (nothing is
# installed or built then), else it sets up, builds a release and runs that. Nothing is asked; what runs
# is said on stderr.
#   scripts/memory_benchmark.sh                    the main job: measure, fit, advise, report
#   scripts/memory_benchmark.sh run --quick        any arguments go to memory_benchmark
#   scripts/memory_benchmark.sh 1G run.log         serial and parallel /dev/shm test (size, log file)
#   MEMORY_BENCHMARK_BUILD=1 scripts/memory_benchmark.sh      these sources, whatever is installed
set -euo pipefail
this_file="$(readlink -f "${BASH_SOURCE[0]}")"
source_folder="$(cd "$(dirname "$this_file")/.." && pwd)"
build_folder="$source_folder/build/release"
log="$build_folder/build.log"

# The published form: a size and a log file.
if (($# == 2)) && [[ "$1" =~ ^[0-9]+[KMGTkmgt](i?[Bb])?(,.*)?$ ]]; then
  set -- shm "$@"
fi

# On the PATH; else an unpacked .tar.gz here, in the sources or beside them.
find_packaged() {
  local candidate
  for candidate in "$(type -P memory_benchmark || true)" \
    {"$PWD","$source_folder","${source_folder%/*}"}/memory_benchmark-*-linux-"$(uname -m)"/bin/memory_benchmark; do
    [[ -x "$candidate" && "$(readlink -f "$candidate")" != "$this_file" ]] || continue
    if version="$("$candidate" --version 2>/dev/null)"; then
      packaged="$candidate"
      return
    fi
    echo "$candidate does not run; passed over" >&2
  done
}
packaged="" version=""
[[ -n "${MEMORY_BENCHMARK_BUILD:-}" ]] || find_packaged
if [[ -n "$packaged" ]]; then
  echo "Running $packaged ($version); MEMORY_BENCHMARK_BUILD=1 builds these sources" >&2
  exec "$packaged" "$@"
fi

"$source_folder/scripts/install_packages.sh"

mkdir -p "$build_folder"
if [[ ! -f "$build_folder/build.ninja" ]]; then
  echo "Configuring (once; log: $log)" >&2
  (cd "$source_folder" && cmake --preset release) >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
[[ -x "$build_folder/bin/memory_benchmark" ]] ||
  echo "Building a release (a few minutes, once; log: $log)" >&2
cmake --build "$build_folder" >>"$log" 2>&1 || { tail -n 40 "$log" >&2; exit 1; }

echo "Running $build_folder/bin/memory_benchmark, built here" >&2
exec "$build_folder/bin/memory_benchmark" "$@"
