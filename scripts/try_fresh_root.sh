#!/usr/bin/env bash
# Types the README's two commands in a bare root made by debootstrap, as a newcomer would: nothing is
# there but the base system and the committed sources. Needs root. The log goes to stdout.
#   scripts/try_fresh_root.sh bookworm [FOLDER]     Debian 12
#   scripts/try_fresh_root.sh trixie [FOLDER]       Debian 13
#   scripts/try_fresh_root.sh noble [FOLDER]        Ubuntu 24.04 LTS
# FOLDER (default: a new one under TMPDIR) holds the root and is removed at the end.
set -euo pipefail
suite="${1:?suite: bookworm, trixie or noble}"
source_folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
root="${2:-$(mktemp -d)/root}"

cleanup() {
  umount -R "$root/dev" "$root/sys" "$root/proc" 2>/dev/null || true
  mountpoint -q "$root/dev" || rm -rf "$root"
}
trap cleanup EXIT

options=(--variant=minbase)
script=()
if [[ "$suite" == noble ]]; then
  options+=(--components=main,universe)
  # Debian ships neither Ubuntu's keyring nor, on older releases, a script for this suite.
  [[ -f /usr/share/keyrings/ubuntu-archive-keyring.gpg ]] || options+=(--no-check-gpg)
  script=("" /usr/share/debootstrap/scripts/gutsy)
fi
echo "== debootstrap ${options[*]} $suite"
debootstrap "${options[@]}" "$suite" "$root" "${script[@]}" >/dev/null

cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys" && mount --make-rslave "$root/sys"
mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"
mkdir -p "$root/root/memory_benchmark"
git -C "$source_folder" archive HEAD | tar -x -C "$root/root/memory_benchmark"

in_root() {
  echo "== $*"
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    bash -c "cd /root/memory_benchmark && time $*"
}
in_root "scripts/memory_benchmark.sh --out /root/report"
in_root "ls -l /root/report"
in_root "scripts/memory_benchmark.sh --version  # second run: everything in place"
in_root "scripts/memory_benchmark.sh 16M /root/run.log && cat /root/run.log"
in_root "scripts/test.sh"
echo "== done: $suite"
