#!/usr/bin/env bash
# A loop over OMP_NUM_THREADS for two model sizes, with the prefill of both in one picture
# (sweep.png); then one size run eagerly and compiled (compile.png). Further flags go to both.
set -euo pipefail
export TORCHINDUCTOR_CPP_WRAPPER=1 TORCHINDUCTOR_FREEZING=1

memory_benchmark sweep --threads 2,4,8,16,32,64,96 --set-env OMP_NUM_THREADS \
  --vary model=google/gemma-3-270m-it,google/gemma-3-1b-it --out sweep.json "$@" -- \
  python transformers_llm_text_gen.py --model {model}

memory_benchmark sweep --threads 16,96 --set-env OMP_NUM_THREADS \
  --vary mode=,--compile --out compile.json "$@" -- \
  python transformers_llm_text_gen.py {mode} --model google/gemma-3-270m-it
