#!/usr/bin/env bash
# Builds the libFuzzer program (clang, AddressSanitizer, UBSan) and runs every target, each with the
# corpus that earlier runs have grown in build/PRESET/corpus, as many at a time as there are CPUs.
#   scripts/fuzz.sh [SECONDS] [TARGET…]     default 60 s each, all targets
#   FUZZ_LOG=docs/fuzz.log scripts/fuzz.sh  appends a line a target: date, seconds, runs, outcome
#   FUZZ_PRESET=fuzz-quick scripts/fuzz.sh 5  what the gate does: half the compiling, slower runs
# An input that breaks a target stays in build/PRESET/crashes; a test of its own belongs in
# tests/fuzz/targets_test.cc then. Exit code 1 where any target broke.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export seconds="${1:-60}"
shift || true
preset="${FUZZ_PRESET:-fuzz}"
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" "${launcher[@]}" >/dev/null
cmake --build --preset "$preset" --target fuzz
export folder="build/$preset" FUZZ_LOG="${FUZZ_LOG:-}"
mkdir -p "$folder/crashes"

one_target() {
  local target="$1" corpus="$folder/corpus/$1" log="$folder/$1.log" outcome=clean runs line
  mkdir -p "$corpus"
  ln -sf fuzz "$folder/bin/fuzz_$target"
  FUZZ_SEEDS="$corpus" "$folder/bin/fuzz_$target"
  UBSAN_OPTIONS=print_stacktrace=1 "$folder/bin/fuzz_$target" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -artifact_prefix="$folder/crashes/$target-" \
    "$corpus" >"$log" 2>&1 || { outcome=BROKEN; tail -n 30 "$log"; }
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  line="$(date -u +%Y-%m-%d) $target: $seconds s, ${runs:-0} runs, $(ls "$corpus" | wc -l) inputs kept, $outcome"
  echo "$line"
  [ -z "$FUZZ_LOG" ] || echo "$line" >>"$FUZZ_LOG"
  [ "$outcome" = clean ]
}
export -f one_target

targets="$("$folder/bin/fuzz")"
if [ $# -gt 0 ]; then targets="$(printf '%s\n' "$@")"; fi
[ -n "$targets" ] || { echo "the fuzz program names no target" >&2; exit 1; }
xargs -P "$(nproc)" -I{} bash -c 'set -euo pipefail; one_target {}' <<<"$targets" || exit 1
