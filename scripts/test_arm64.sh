#!/usr/bin/env bash
# Cross-builds for arm64 and runs under qemu-user: every kernel against its scalar twin on each target
# that qemu's processors offer, the other rooms, then the main job from an installed tree, whose documents
# the schemas judge. Timings mean nothing there.
#   scripts/test_arm64.sh                 all of it
#   scripts/test_arm64.sh kernels|rooms|run...
# Not part of the gate: a cold build takes a quarter of an hour on two cores (docs/arm64.md).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
parts=("$@")
((${#parts[@]})) || parts=(kernels rooms run)
rooms=(data_documents_test data_system_test data_plan_test workloads_shapes_test fuzz_test workloads_test
  probes_core_test probes_sweep_test reports_model_test reports_advice_test reports_render_test
  reports_cli_test)
scripts/arm64_sysroot.sh
export ARM64_ROOT="${ARM64_ROOT:-${HOME:-/root}/.cache/memory_benchmark/arm64/root}"
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset arm64 "${launcher[@]}" >/dev/null

# emulated CPU PROGRAM ARGS...
emulated() {
  local cpu=$1
  shift
  qemu-aarch64-static -cpu "$cpu" -L "$ARM64_ROOT" "$@"
}

# The processors, Highway's targets that the kernels must find on each, and the variants in files of
# their own: a target that is no longer offered or dispatched to is then missed.
kernels() {
  cmake --build --preset arm64 --target workloads_kernels_test
  local cpu targets variants report=build/arm64/kernels.xml
  while read -r cpu targets variants; do
    emulated "$cpu" build/arm64/bin/workloads_kernels_test --gtest_brief=1 "--gtest_output=xml:$report"
    grep -q "\"supported_isas\" value=\"$targets\"" "$report" || {
      echo "test_arm64: kernels on $cpu: expected $targets, got $(grep -o '"supported_isas"[^/]*' "$report")" >&2
      exit 1
    }
    [[ "$variants" == - ]] || grep -q "\"panel_variants\" value=\"$variants\"" "$report" || {
      echo "test_arm64: kernels on $cpu: $variants was not run" >&2
      exit 1
    }
    [[ "$cpu" != max* ]] || grep -q '"bf16_peak" value="run"' "$report" || {
      echo "test_arm64: kernels on $cpu: bfmmla was not run" >&2
      exit 1
    }
    echo "kernels on $cpu: $targets, $variants"
  done <<END
cortex-a57 NEON -
neoverse-n1 NEON NEON_DOTPROD
max,sve-default-vector-length=16 SVE2_128,SVE2,SVE,NEON NEON_I8MM,NEON_DOTPROD
max,sve-default-vector-length=32 SVE_256,SVE2,SVE,NEON NEON_I8MM,NEON_DOTPROD
max,sve-default-vector-length=64 SVE2,SVE,NEON NEON_I8MM,NEON_DOTPROD
END
}

# What qemu-user cannot do, by name; whole emulated machines can (scripts/emulated_machines.sh):
#   ProbeMain.*      starts its own program again: this system does not execute arm64 files
#   ...Daemon...     adopts orphans (PR_SET_CHILD_SUBREAPER), which qemu-user does not pass on
#   Buffer.OfTr...   reads the kernel's account of its own memory, which is qemu's there
# And one that real Arm machines cannot either yet: Html.APage... compares a page with one written on x86,
# and the compiler joins products and sums on Arm, which moves the last digit of some figures.
impossible='ProbeMain.*:Child.LeavesNoDaemonBehindWhereAsked:SweepBadDay.ADaemonIsNotLeftBehind'
impossible+=':Buffer.OfTransparentHugePagesHasThemWhereTheKernelGivesThem'
impossible+=':Html.APageFromStoredDocumentsIsTheSame'

rooms() {
  cmake --build --preset arm64 --target "${rooms[@]}"
  local room
  for room in "${rooms[@]}"; do
    echo "$room"
    emulated max "build/arm64/bin/$room" --gtest_brief=1 "--gtest_filter=-$impossible"
  done
}

run() {
  cmake --build --preset arm64
  cmake --install build/arm64 --prefix build/arm64/tree >/dev/null
  local out=build/arm64/quick
  rm -rf "$out"
  local code=0
  scripts/run_arm64.sh build/arm64/tree run --quick --model qwen3-0.6b:q4_0 --out "$out" || code=$?
  ((code == 0 || code == 7)) || { echo "test_arm64: run ended with $code" >&2; exit 1; }
  python3 tests/data/schema/validate.py results "$out/results.json"
  python3 tests/data/schema/validate.py recommendation "$out/recommendation.json"
  grep -q '</html>' "$out/report.html"
}

for part in "${parts[@]}"; do
  start=$SECONDS
  "$part"
  echo "test_arm64: $part: $((SECONDS - start)) s"
done
