#!/usr/bin/env bash
# A loop over RAYON_NUM_THREADS; the engine prints "Throughput" and "Per token".
set -euo pipefail

memory_benchmark sweep --threads 8-20:2,24,32,48 --set-env RAYON_NUM_THREADS \
  --out sweep.json "$@" -- \
  cargo run --release --example instrumented_forward
