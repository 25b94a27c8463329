#!/usr/bin/env bash
# Cross-builds the unit tests for arm64 and runs them under qemu-user: every kernel on NEON and on what
# SVE the emulated processor has, and all that reads and writes documents. Timings mean nothing there.
#   scripts/test_arm64.sh [TEST...]     (default: the rooms below)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rooms=("$@")
if ((${#rooms[@]} == 0)); then
  rooms=(workloads_kernels_test workloads_test workloads_shapes_test data_documents_test data_plan_test
    reports_model_test reports_advice_test)
fi
scripts/arm64_sysroot.sh
export ARM64_ROOT="${ARM64_ROOT:-${HOME:-/root}/.cache/memory_benchmark/arm64/root}"
launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset arm64 "${launcher[@]}" >/dev/null
cmake --build --preset arm64 --target "${rooms[@]}"
for room in "${rooms[@]}"; do
  echo "$room"
  qemu-aarch64-static -L "$ARM64_ROOT" "build/arm64/bin/$room" --gtest_brief=1
done
