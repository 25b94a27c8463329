#!/usr/bin/env bash
# The thread count is the third positional argument, and the token counts are in a file that the run
# writes. Three ways to run the model become three labelled series.
set -euo pipefail

memory_benchmark sweep --threads 8,16,32,64 --vary special=float32,none,intel_optimize \
  --read 'out-{special}-{threads}.json' --timeout 1h --out sweep.json "$@" -- \
  just run_benchmark Qwen/Qwen3-30B-A3B-Instruct-2507 task.json {threads} 150 \
  'out-{special}-{threads}.json' {special}
