#!/usr/bin/env bash
# Makes an arm64 root with the libraries that cross-building and running under qemu-user need, out of
# Debian's packages, beside the system's own: nothing is installed for arm64.
#   scripts/arm64_sysroot.sh [FOLDER]     (default ~/.cache/memory_benchmark/arm64)
# Installs the cross compiler and qemu-user-static where they are missing. Quick when all is there.
set -euo pipefail
root="$(realpath -m "${1:-${HOME:-/root}/.cache/memory_benchmark/arm64}")"
packages=(
  libc6-dev libstdc++-12-dev libhwloc-dev libpapi-dev libbenchmark-dev libfmt-dev
  libboost-program-options-dev nlohmann-json3-dev libhwy-dev libdnnl-dev libblis-serial-dev
  libeigen3-dev libgtest-dev libgmock-dev
)
tools=(g++-aarch64-linux-gnu qemu-user-static)
missing=()
for package in "${tools[@]}"; do
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
    missing+=("$package")
done
if ((${#missing[@]})); then
  ((EUID == 0)) || { echo "arm64_sysroot: as root: apt-get install ${missing[*]}" >&2; exit 4; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi
# Made of the same packages before?
[[ "$(cat "$root/complete" 2>/dev/null)" == "${packages[*]}" && -f "$root/root/var/lib/dpkg/status" ]] && exit 0
rm -rf "$root/root" "$root/apt" "$root/complete"

# A package manager's state of its own, empty: so that whatever a package depends on is fetched too.
mkdir -p "$root/apt/lists/partial" "$root/apt/archives/partial"
: >"$root/apt/status"
apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
  -o "Dir::State::lists=$root/apt/lists" -o "Dir::State::status=$root/apt/status"
  -o "Dir::Cache::archives=$root/apt/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  -o Debug::NoLocking=1)
"${apt[@]}" update
"${apt[@]}" install -y --download-only --no-install-recommends "${packages[@]}" >&2

mkdir -p "$root/root/usr/lib" "$root/root/usr/bin"
ln -sfn usr/lib "$root/root/lib"
ln -sfn usr/bin "$root/root/bin"
for package in "$root"/apt/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root/root"
done
"$(dirname "${BASH_SOURCE[0]}")/packages/record_dpkg.sh" "$root/root" "$root"/apt/archives/*.deb
rm -rf "$root/apt"
echo "${packages[*]}" >"$root/complete"
echo "arm64_sysroot: $root/root" >&2
