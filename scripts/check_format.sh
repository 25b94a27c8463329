#!/usr/bin/env bash
# Fails when a C++ file is not as clang-format would leave it; `--fix` rewrites it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mode=(--dry-run --Werror)
[[ "${1:-}" == --fix ]] && mode=(-i)
git ls-files -z '*.cc' '*.h' | xargs -0 -r clang-format "${mode[@]}"
