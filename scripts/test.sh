#!/usr/bin/env bash
# Installs what is missing, builds with tests and warnings as errors, runs all tests.
#   scripts/test.sh                the dev preset
#   scripts/test.sh asan|tsan      the same under sanitizers (unit tests)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset="${1:-dev}"
scripts/install_packages.sh --tests

launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset "$preset" "${launcher[@]}" >/dev/null
cmake --build --preset "$preset"
if [[ "$preset" == dev ]]; then
  ctest --preset dev
else
  ctest --preset "$preset" -L unit
fi
