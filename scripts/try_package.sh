#!/usr/bin/env bash
# Installs, runs and removes packages in a bare root, as somebody with a new machine would, and shows
# that nothing is left. Needs root and debootstrap; a short log goes to stdout.
#   scripts/try_package.sh SUITE ARTEFACT...
# SUITE: bookworm, trixie, bullseye (glibc 2.31), jammy, noble; or `empty`: a folder with nothing but
# /proc, /sys, /dev and /tmp, in which only a package that brings everything can run.
# ARTEFACT: what scripts/package.sh made. A .deb is installed with apt (its libraries must be in SUITE),
# a .tar.gz is unpacked and run with nothing installed, a .rpm is unpacked with this machine's rpm.
# Environment: ARCHITECTURE (default this machine's; another needs qemu-user-static and binfmt),
# FOLDER for the roots (default a new one under TMPDIR; removed at the end), BUDGET (default --quick).
set -euo pipefail
suite="${1:?suite: bookworm, trixie, bullseye, jammy, noble or empty}"
shift
architecture="${ARCHITECTURE:-$(dpkg --print-architecture)}"
work="$(mktemp -d "${FOLDER:-${TMPDIR:-/tmp}}/try_package.XXXXXX")"
root="$work/root"
read -r -a budget <<<"${BUDGET:---quick}"

cleanup() {
  umount -R "$root/dev" "$root/sys" "$root/proc" 2>/dev/null || true
  mountpoint -q "$root/dev" || mountpoint -q "$root/proc" || rm -rf "$work"
}
trap cleanup EXIT

make_root() {
  if [[ "$suite" == empty ]]; then
    mkdir -p "$root"/{dev,proc,sys,tmp,root}
    chmod 1777 "$root/tmp"
  else
    local options=(--variant=minbase "--arch=$architecture") script=()
    case "$suite" in
      jammy | noble)
        options+=(--components=main,universe)
        [[ -f /usr/share/keyrings/ubuntu-archive-keyring.gpg ]] || options+=(--no-check-gpg)
        # Older debootstraps have no script for newer suites; all of Ubuntu's are this one.
        [[ -f /usr/share/debootstrap/scripts/$suite ]] || script=("" /usr/share/debootstrap/scripts/gutsy) ;;
    esac
    debootstrap "${options[@]}" "$suite" "$root" "${script[@]}" >"$work/debootstrap.log" 2>&1 || {
      tail -n 5 "$work/debootstrap.log" >&2
      echo "try_package: no root of $suite" >&2
      exit 4
    }
    cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
  fi
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys" && mount --make-rslave "$root/sys"
  mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"
}

in_root() { chroot "$root" "$@"; }
clean=(/usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb)

# Every folder, and every file with kind, size and time, but the kernel's.
snapshot() {
  find "$root" -xdev \( -path "$root/proc" -o -path "$root/sys" -o -path "$root/dev" \) -prune -o \
    -type d -printf '%P d\n' -o -printf '%P %y %s %T@\n' | { grep -Ev "$1" || true; } | sort
}
# What a package manager keeps of its own, and libc's cache of libraries.
books='^var/(lib/(dpkg|apt|ucf|systemd)|cache|log)/|^etc/(ld\.so\.cache|resolv\.conf|hosts) '

# say NAME LINES COMMAND...: runs in the root, shows the first lines; a failure ends everything.
# 7 is measured, and not trustworthy on a busy machine; --png ends with 4 where gnuplot is not.
say() {
  local name="$1" lines="$2" code=0 start end
  shift 2
  start="$(date +%s%N)"
  chroot "$root" "$@" >"$work/out" 2>&1 || code=$?
  end="$(date +%s%N)"
  echo "-- $name (exit $code, $(((end - start) / 1000000)) ms)"
  head -n "$lines" "$work/out"
  [[ $code == 0 || ($code == 7 && "$name" =~ ^(run|report)) ||
    ($code == 4 && "$name" == *--png && ! -x "$root/usr/bin/gnuplot") ]] || { tail -n 20 "$work/out"; exit 1; }
}

# use PROGRAM: everything that a newcomer types.
use() {
  local program="$1"
  say "--version" 1 "$program" --version
  say "--version, once more" 1 "$program" --version
  say "--help" 3 "$program" --help
  say "inspect qwen3-4b:q4_0" 4 "$program" inspect qwen3-4b:q4_0
  say "probe --list" 3 "$program" probe --list
  say "run ${budget[*]}" 8 "$program" run "${budget[@]}" --out /tmp/report
  (cd "$root/tmp/report" && echo *)
  grep -i gnuplot "$work/out" || true
  say "report --html" 4 "$program" report /tmp/report/results.json --html /tmp/page.html
  say "report --png" 4 "$program" report /tmp/report/results.json --png /tmp/page.png
  [[ -s "$root/tmp/page.html" ]] || { echo "no page"; exit 1; }
  rm -rf "$root"/tmp/report "$root"/tmp/page.*
}

nothing_left() {  # BEFORE PATTERN
  snapshot "$2" >"$work/after"
  if diff "$1" "$work/after" >"$work/diff"; then
    echo "-- nothing is left: $(wc -l <"$1") files as before"
  else
    echo "-- LEFT BEHIND:"
    head -n 20 "$work/diff"
    exit 1
  fi
}

try_tree() {  # FOLDER in the root that holds bin/: which libraries, then everything
  local tree="$1" loader programs outside
  loader="$(cd "$root$tree/lib" && ls ld-linux*)"
  # The kernel's own page is no file; under qemu it has no name either.
  outside="$(for file in "$root$tree"/lib/programs/*; do
    in_root "$tree/lib/$loader" --inhibit-cache --library-path "$tree/lib" --list \
      "$tree/lib/programs/${file##*/}" 2>&1
  done | grep -Ev 'linux-vdso|^[[:space:]]+\(0x' | grep -vc "=> $tree/lib/" || true)"
  programs="$(find "$root$tree/lib/programs" -type f | wc -l)"
  echo "-- $programs programs, libraries from outside the package or missing: $outside"
  [[ "$outside" == 0 ]] || exit 1
  use "$tree/bin/memory_benchmark"
}

try_tar() {
  local before="$work/before"
  snapshot '^$' >"$before"
  tar -xzf "$1" -C "$root/tmp"
  try_tree "/tmp/$(basename "$1" .tar.gz)"
  rm -rf "${root:?}/tmp/$(basename "$1" .tar.gz)"
  nothing_left "$before" '^$'
}

try_rpm() {
  local before="$work/before" rpm=(rpm --root "$root" --dbpath /var/lib/try_rpm)
  snapshot '^$' >"$before"
  "${rpm[@]}" --nosignature -i "$1"
  "${rpm[@]}" -V memory-benchmark && echo "-- rpm -V: as packed"
  try_tree /opt/memory_benchmark
  say "through the link" 1 /usr/bin/memory_benchmark --version
  "${rpm[@]}" -e memory-benchmark
  rm -rf "$root/var/lib/try_rpm"
  nothing_left "$before" '^$'
}

try_deb() {
  local before="$work/before" name
  name="$(dpkg-deb -f "$1" Package)"
  # What apt marks as wanted for the package goes with it, so that the root is as it was.
  in_root "${clean[@]}" DEBIAN_FRONTEND=noninteractive apt-get update -qq
  snapshot "$books" >"$before"
  cp "$1" "$root/tmp/package.deb"
  say "apt-get install" 0 "${clean[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends /tmp/package.deb
  rm "$root/tmp/package.deb"
  say "dpkg -s" 9 dpkg -s "$name"
  use /usr/bin/memory_benchmark
  say "purge" 0 "${clean[@]}" DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq --autoremove "$name"
  nothing_left "$before" "$books"
}

start="$SECONDS"
make_root
[[ "$suite" == empty ]] || echo "== $suite $architecture, $(in_root ldd --version | head -n 1), made in $((SECONDS - start)) s"
for artefact in "$@"; do
  echo "== $suite: ${artefact##*/}"
  case "$artefact" in
    *.deb) try_deb "$artefact" ;;
    *.tar.gz) try_tar "$artefact" ;;
    *.rpm) try_rpm "$artefact" ;;
    *) echo "try_package: $artefact is neither .deb, .tar.gz nor .rpm" >&2; exit 2 ;;
  esac
done
echo "== done: $suite"
