#!/usr/bin/env bash
# Builds the libFuzzer program (clang, AddressSanitizer, UBSan) and runs every target, each with the
# corpus that earlier runs have grown in build/fuzz/corpus.
#   scripts/fuzz.sh [SECONDS] [TARGET…]     default 60 s each, all targets
#   FUZZ_LOG=docs/fuzz.log scripts/fuzz.sh  appends a line a target: date, seconds, runs, outcome
# An input that breaks a target stays in build/fuzz/crashes; a test of its own belongs in
# tests/fuzz/targets_test.cc then. Exit code 1 where any target broke.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds="${1:-60}"
shift || true
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz "${launcher[@]}" >/dev/null
cmake --build --preset fuzz --target fuzz
bin=build/fuzz/bin
if [ $# -gt 0 ]; then targets=("$@"); else mapfile -t targets < <("$bin/fuzz"); fi
mkdir -p build/fuzz/crashes
broken=0
for target in "${targets[@]}"; do
  corpus="build/fuzz/corpus/$target"
  log="build/fuzz/$target.log"
  mkdir -p "$corpus"
  ln -sf fuzz "$bin/fuzz_$target"
  FUZZ_SEEDS="$corpus" "$bin/fuzz_$target"
  outcome=clean
  UBSAN_OPTIONS=print_stacktrace=1 "$bin/fuzz_$target" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -artifact_prefix="build/fuzz/crashes/$target-" \
    "$corpus" >"$log" 2>&1 || { outcome=BROKEN; broken=1; tail -n 30 "$log"; }
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  line="$(date -u +%Y-%m-%d) $target: $seconds s, ${runs:-0} runs, $(ls "$corpus" | wc -l) inputs kept, $outcome"
  echo "$line"
  [ -z "${FUZZ_LOG:-}" ] || echo "$line" >>"$FUZZ_LOG"
done
exit $broken
