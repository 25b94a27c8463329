#!/usr/bin/env bash
# An engine with a thread count for each phase: n_threads (decode) is swept, n_threads_batch
# (prefill) makes a series each.
set -euo pipefail

memory_benchmark sweep --threads 1,2,4,8 --vary n_threads_batch=4,8 --out sweep.json "$@" -- \
  generate --model model.gguf --n-threads {threads} --n-threads-batch {n_threads_batch}
