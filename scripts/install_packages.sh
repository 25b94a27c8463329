#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that are missing; silent and quick when none is.
#   scripts/install_packages.sh          what building and running needs
#   scripts/install_packages.sh --tests  what the tests need besides
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config
  libhwloc-dev libpapi-dev libbenchmark-dev libfmt-dev libboost-program-options-dev
  nlohmann-json3-dev libhwy-dev libdnnl-dev libeigen3-dev
  gnuplot-nox fonts-dejavu-core libjs-chart.js
)
if [[ "${1:-}" == --tests ]]; then
  packages+=(libgtest-dev libgmock-dev python3 python3-jsonschema clang-format git)
fi

missing=()
for package in "${packages[@]}"; do
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
    missing+=("$package")
done
((${#missing[@]} == 0)) && exit 0

command -v apt-get >/dev/null || {
  echo "install_packages: no apt-get here. Install by hand: ${missing[*]}" >&2
  exit 4
}
as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || {
    echo "install_packages: neither root nor sudo. As root: apt-get install ${missing[*]}" >&2
    exit 4
  }
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
