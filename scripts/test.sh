#!/usr/bin/env bash
# Installs what is missing, builds with tests and warnings as errors, runs all tests.
#   scripts/test.sh                everything (the test preset: as dev, compiled quickly)
#   scripts/test.sh asan           the unit tests under AddressSanitizer and UBSan
#   scripts/test.sh tsan           the rooms that have threads under ThreadSanitizer
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset="${1:-test}"
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
    # A process a program, not a test: starting one under a sanitizer takes longer than most tests.
    export LSAN_OPTIONS="suppressions=$PWD/tests/leaks.supp:print_suppressions=0"
    printf '%s\n' build/asan/bin/*_test |
      UBSAN_OPTIONS=print_stacktrace=1 xargs -P 2 -I{} sh -c \
        '{} --gtest_brief=1 >{}.log 2>&1; code=$?; echo "{}"; tail -n 4 {}.log; [ $code = 0 ] || { cat {}.log; exit 1; }'
    ;;
  *)
    cmake --build --preset "$preset"
    ctest --preset "$preset"
    ;;
esac
