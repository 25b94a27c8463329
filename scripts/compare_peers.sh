#!/usr/bin/env bash
# Our bandwidth probes beside Debian's likwid-bench, sysbench, stress-ng, mbw and fio: interleaved
# rounds, same threads, pinning, sizes and page kind; see compare_peers.py for the method.
#   scripts/compare_peers.sh [--rounds 9] [--only dram/.*threads:1] [--samples FILE] > table.md
# Needs a release build: cmake --preset release && cmake --build --preset release
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
missing=()
for package in likwid sysbench stress-ng mbw fio util-linux python3; do
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
    missing+=("$package")
done
if ((${#missing[@]} > 0)); then
  if ! command -v apt-get >/dev/null || ((EUID != 0)); then
    echo "compare_peers.sh: as root: apt-get install ${missing[*]}" >&2
    exit 4
  fi
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi
exec python3 scripts/compare_peers.py "$@"
