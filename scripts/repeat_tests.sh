#!/usr/bin/env bash
# Is a test flaky? Runs the tests of the preset `test` again and again beside a busy loop on every CPU
# but one, and appends a line a round to a log, which is where a stopped run goes on.
#   scripts/repeat_tests.sh [ROUNDS] [LABEL] [LOG]     default: 200 unit build/repeat-unit.log
# Exit code 1 at the first red round; its output stays beside the log.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds="${1:-200}" label="${2:-unit}" log="${3:-build/repeat-${2:-unit}.log}"
touch "$log"
done_before=$(grep -c ' green$' "$log")
hogs=()
trap 'kill "${hogs[@]}" 2>/dev/null' EXIT
for _ in $(seq 2 "$(nproc)"); do (while :; do :; done) & hogs+=($!); done
for ((round = done_before + 1; round <= rounds; ++round)); do
  if ctest --test-dir build/test -L "$label" -j 2 --output-on-failure >"$log.last" 2>&1; then
    echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) round $round green" >>"$log"
  else
    echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) round $round RED" >>"$log"
    tail -n 40 "$log.last"
    exit 1
  fi
done
echo "$rounds rounds of '$label' green, $log"
