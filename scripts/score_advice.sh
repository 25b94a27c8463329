#!/usr/bin/env bash
# Prints what our advice and the common rules lose on the published thread sweeps; see
# score_advice.py for the method. Needs a built program: score_advice.sh [build/dev] [--verbose]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build/dev
if [[ $# -gt 0 && "$1" != --* ]]; then
  build=$1
  shift
fi
program=$build/bin/memory_benchmark
if [[ ! -x "$program" ]]; then
  echo "score_advice.sh: $program is missing; cmake --preset dev && cmake --build $build --target memory_benchmark" >&2
  exit 2
fi
exec python3 scripts/score_advice.py --program "$program" "$@" data/datasets/seed data/datasets/published
