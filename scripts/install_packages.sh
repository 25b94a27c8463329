#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that are missing; silent and quick when none is.
#   scripts/install_packages.sh          what building and running needs
#   scripts/install_packages.sh --tests  what the tests need besides; where npm is, also axe-core (3 MB),
#                                        and with Node 20 the engine that one test sweeps (85 MB)
#   scripts/install_packages.sh --gate   the same, and the compiler that fuzzing needs
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config
  libhwloc-dev libpapi-dev libbenchmark-dev libfmt-dev libboost-program-options-dev
  nlohmann-json3-dev libhwy-dev libdnnl-dev libeigen3-dev
  gnuplot-nox fonts-dejavu-core libjs-chart.js
)
# The f32 ceiling on Arm, where oneDNN has plain loops.
[[ "$(dpkg --print-architecture)" == arm64 ]] && packages+=(libblis-serial-dev)
tests=false
[[ "${1:-}" == --tests || "${1:-}" == --gate ]] && tests=true
if $tests; then
  packages+=(libgtest-dev libgmock-dev python3 python3-jsonschema clang-format git tidy)
  # The page's tests run in it. Ubuntu's package only points to a snap, which no bare root can have;
  # there they say that they are skipped.
  if [[ "$(. /etc/os-release && echo "$ID")" == debian ]]; then packages+=(chromium); fi
fi
if [[ "${1:-}" == --gate ]]; then packages+=(clang libclang-rt-dev); fi

# npm's node-llama-cpp is a prebuilt llama.cpp. It goes outside the repository, with the one binary
# that this machine needs; without Node or a registry the test that wants it says that it is skipped.
install_engine() {
  local folder="${HOME:-/root}/.cache/memory_benchmark/engines" version=3.22.1 major machine
  [[ -n "${NODE_LLAMA_CPP:-}" || -d "$folder/node_modules/node-llama-cpp" ]] && return
  command -v node >/dev/null && command -v npm >/dev/null || return 0
  major="$(node --version)"
  major="${major#v}"
  ((${major%%.*} >= 20)) || return 0
  case "$(uname -m)" in
    x86_64) machine=linux-x64 ;;
    aarch64) machine=linux-arm64 ;;
    *) return 0 ;;
  esac
  echo "Installing node-llama-cpp $version into $folder" >&2
  mkdir -p "$folder"
  timeout 120 npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts --omit=optional \
    --loglevel=error "node-llama-cpp@$version" "@node-llama-cpp/$machine@$version" >&2 || {
    rm -rf "$folder"
    echo "install_packages: node-llama-cpp cannot be had; its test will be skipped" >&2
  }
}

# npm's axe-core judges the pages' accessibility; likewise outside the repository, one file is used.
install_axe() {
  local folder="${HOME:-/root}/.cache/memory_benchmark/axe" version=4.10.2
  [[ -n "${AXE_CORE:-}" || -d "$folder/node_modules/axe-core" ]] && return
  command -v npm >/dev/null || return 0
  echo "Installing axe-core $version into $folder" >&2
  mkdir -p "$folder"
  timeout 120 npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts \
    --loglevel=error "axe-core@$version" >&2 || {
    rm -rf "$folder"
    echo "install_packages: axe-core cannot be had; its test will be skipped" >&2
  }
}
if $tests; then
  install_engine
  install_axe
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
