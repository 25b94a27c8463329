#!/usr/bin/env bash
# Installs what is missing, builds with tests and warnings as errors, runs all tests.
#   scripts/test.sh                the dev preset
#   scripts/test.sh asan           the unit tests under AddressSanitizer and UBSan
#   scripts/test.sh tsan           the rooms that have threads under ThreadSanitizer
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset="${1:-dev}"
scripts/install_packages.sh --tests

launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset "$preset" "${launcher[@]}" >/dev/null
case "$preset" in
  tsan)
    rooms=(data_system_test probes_core_test workloads_test)  # the rooms with threads
    cmake --build --preset tsan --target "${rooms[@]}"
    for room in "${rooms[@]}"; do
      TSAN_OPTIONS=halt_on_error=1 "build/tsan/bin/$room" --gtest_brief=1
    done
    ;;
  asan)
    cmake --build --preset asan --target unit_tests
    ctest --preset asan -L unit
    ;;
  *)
    cmake --build --preset "$preset"
    ctest --preset "$preset"
    ;;
esac
