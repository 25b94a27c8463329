#!/usr/bin/env bash
# Is a test flaky? Runs the tests of the preset `test` again and again beside a busy loop on every CPU
# but one. `unit`: every test program whole, in a drawn order of its tests, three programs at a time,
# and the scripts of that label. Any other label, or `-unit` for all that are not unit: by ctest.
# A tree made with -DQUICK_TESTS=OFF -DCMAKE_CXX_FLAGS=-O2 needs half the time for a round.
#   scripts/repeat_tests.sh [ROUNDS] [LABEL]     default: 200 unit
# ROUNDS are those of this commit. docs/repeats.log (or REPEAT_LOG) has a line a day, commit and label
# with its count of green rounds: a stopped run goes on there, on whatever machine. Exit code 1 at the
# first red round; build/repeat has its output.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds="${1:-200}" label="${2:-unit}" log="${REPEAT_LOG:-docs/repeats.log}"
commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain --untracked-files=no -- . ':!docs/repeats.log')" ] || commit+="+"
mkdir -p build/repeat
touch "$log"

count() {
  awk -v commit="$commit" -v label="$1:" \
    '$2 == commit && $3 == label && $6 == "green" { n += $4 } END { print n + 0 }' "$log"
}

note() {  # the line of today, this commit and label, one round on; or a red line
  local head
  head="$(date -u +%Y-%m-%d) $commit $label:"
  if [ "$1" = green ] && grep -q "^$head [0-9]* rounds green$" "$log"; then
    awk -v head="$head" 'index($0, head) == 1 && $6 == "green" { $4 += 1 } { print }' "$log" >"$log.new"
    mv "$log.new" "$log"
  elif [ "$1" = green ]; then
    echo "$head 1 rounds green" >>"$log"
  else
    echo "$head round $round RED: $2" >>"$log"
  fi
}

one_round() {
  if [ "$label" != unit ]; then
    local which=(-L "$label")
    [ "$label" = -unit ] && which=(-LE '^unit$')
    ctest --test-dir build/test "${which[@]}" -j 2 --output-on-failure >build/repeat/ctest.log 2>&1
    return
  fi
  ctest --test-dir build/test -R '^(layers|schema)$' >build/repeat/scripts.log 2>&1 ||
    echo scripts >>build/repeat/red &
  echo "$programs" |
    xargs -P 3 -I{} sh -c "cd build/test && timeout 900 bin/{} --gtest_brief=1 --gtest_shuffle \
      --gtest_random_seed=$round >../repeat/{}.log 2>&1 || echo {} >>../repeat/red"
  wait $!
  [ ! -e build/repeat/red ]
}

programs=$(find build/test/bin -name '*_test' ! -name e2e_test -printf '%f\n' | sort -r)
[ -n "$programs" ] || { echo "build the preset test first" >&2; exit 2; }
hogs=()
trap 'kill "${hogs[@]}" 2>/dev/null' EXIT
for _ in $(seq 2 "$(nproc)"); do (while :; do :; done) & hogs+=($!); done
for ((round = $(count "$label") + 1; round <= rounds; ++round)); do
  rm -f build/repeat/red
  if one_round; then
    note green
  else
    what=$(cat build/repeat/red 2>/dev/null || grep -E '^\s*[0-9]+ - ' build/repeat/ctest.log)
    note RED "$(echo "$what" | tr -s ' \n' ' ')"
    for name in $what; do tail -n 20 "build/repeat/$name.log" 2>/dev/null; done
    echo "round $round is red: $what" >&2
    exit 1
  fi
done
echo "$(count "$label") rounds of '$label' of $commit green, $log"
