#!/usr/bin/env bash
# Builds a release and packs it: .deb, .tar.gz, .rpm, their sums and the SBOM, into build/packages.
#   scripts/package.sh [PRESET]      (default release; a cross-building preset packs for its processor)
# Two runs of one commit give the same bytes, whenever and in whichever folder: every time stamp is
# the commit's (or SOURCE_DATE_EPOCH), every file root's, every list sorted. Needs packages of Debian
# 12, since the .deb is for the release that it is built on: dpkg-dev, rpm, python3, binutils.
# Environment: BUILD_FOLDER (default build/PRESET), PACKAGES (default build/packages), GENERATORS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset="${1:-release}"
build_folder="$(realpath -m "${BUILD_FOLDER:-build/$preset}")"
packages="$(realpath -m "${PACKAGES:-build/packages}")"
generators="${GENERATORS:-DEB;TGZ;RPM}"

for tool in dpkg-shlibdeps:dpkg-dev rpmbuild:rpm python3:python3; do
  command -v "${tool%:*}" >/dev/null || {
    echo "package: ${tool%:*} is missing: apt-get install ${tool#*:}" >&2
    exit 4
  }
done
scripts/install_packages.sh
umask 022

launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset "$preset" -B "$build_folder" -DRELEASED=ON "${launcher[@]}" >/dev/null
cmake --build "$build_folder"
cmake --build "$build_folder" --target package_launcher
mkdir -p "$packages"
(cd "$build_folder" && cpack -G "$generators" -B "$packages/work" >"$packages/cpack.log" 2>&1) || {
  tail -n 40 "$packages/cpack.log" >&2
  exit 1
}
find "$packages/work" -maxdepth 1 -type f -exec mv -t "$packages" {} +
rm -rf "$packages/work"
(cd "$packages" && sha256sum -- *.deb *.tar.gz *.rpm 2>/dev/null >SHA256SUMS || true)
(cd "$packages" && ls -l -- *.deb *.tar.gz *.rpm SHA256SUMS)
