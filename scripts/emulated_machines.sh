#!/bin/bash
# Boots machines that we do not have under qemu's software emulation and runs our programs there: a
# Neoverse N1 whose PMU counts, two sockets with a NUMA node each, two threads a core, a machine that hides
# its threads, a control group with too little of everything, a CPU that goes offline. Timings inside mean
# nothing; structure, counters, placement, plan and words do, and scripts/emulated_machines_check.py judges
# them.
#
#   scripts/emulated_machines.sh BUILD_DIR WORK_DIR [MACHINE...]
#
# MACHINE     arm-counters arm-team arm-sockets arm-smt x86 x86-hidden x86-cgroup x86-offline (default:
#             all, a quarter of an hour)
# BUILD_DIR   x86-64 programs (a preset's build folder), for the machines x86*
# WORK_DIR    kept between calls: kernels, busybox, images; NAME.log holds what each machine printed,
#             NAME/ the files that it wrote
# ARM64_TREE, AMD64_TREE  an installed or unpacked tree (bin, libexec, lib) for the machines arm-* and x86*;
#             without them the arm64 preset is built (scripts/arm64_sysroot.sh) and BUILD_DIR taken, and
#             both are installed into WORK_DIR
# Needs: apt-get install qemu-system-arm qemu-system-x86 cpio; kernels and busybox are downloaded into
# WORK_DIR. Exit 0 when every machine asked for was as it must be, 1 otherwise.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath "$1") work=$(mkdir -p "$2" && realpath "$2")
shift 2
machines=("$@")
(($#)) || machines=(arm-counters arm-team arm-sockets arm-smt x86 x86-hidden x86-cgroup x86-offline)
most_seconds=${MOST_SECONDS:-450}  # of one boot
export ARM64_ROOT="${ARM64_ROOT:-${HOME:-/root}/.cache/memory_benchmark/arm64/root}"

# apt_of ARCH COMMAND...: apt with lists and an empty status of its own, for another architecture's packages
# without touching the host.
apt_of() {
  local arch=$1 root=$work/apt-$1
  shift
  mkdir -p "$root/lists/partial" "$root/archives/partial"
  : > "$root/status"
  apt-get -q -y -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State::Lists="$root/lists" \
    -o Dir::Cache::Archives="$root/archives" -o Dir::State::status="$root/status" -o Debug::NoLocking=1 \
    -o APT::Sandbox::User=root -o APT::Install-Recommends=0 -o Dir::Cache::pkgcache= \
    -o Dir::Cache::srcpkgcache= "$@"
}

lists_of() {
  ls "$work/apt-$1"/lists/*Packages* > /dev/null 2>&1 || apt_of "$1" update > "$work/apt-$1.log"
}

# unpack ARCH TREE PACKAGE: one package, unpacked into TREE.
unpack() {
  local arch=$1 tree=$2 package=$3
  [ -e "$tree/.done" ] && return
  lists_of "$arch"
  mkdir -p "$tree"
  (cd "$tree" && apt_of "$arch" download "$package" >> "$work/apt-$arch.log" && dpkg-deb -x ./*.deb . && touch .done)
}

kernel_of() {  # ARCH -> path of its cloud kernel
  local arch=$1 tree=$work/kernel-$1 package
  if ! ls "$tree"/boot/vmlinuz-* > /dev/null 2>&1; then
    lists_of "$arch"
    package=$(apt-cache -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
      -o Dir::State::Lists="$work/apt-$arch/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
      depends "linux-image-cloud-$arch" | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
    unpack "$arch" "$tree" "$package"
  fi
  ls "$tree"/boot/vmlinuz-* | head -1
}

arm_tree() {  # what the arm machines run
  if [ -z "${ARM64_TREE:-}" ]; then
    "$here/scripts/arm64_sysroot.sh"
    (cd "$here" && cmake --preset arm64 > "$work/arm64-build.log" &&
      cmake --build --preset arm64 >> "$work/arm64-build.log" &&
      cmake --install build/arm64 --prefix "$work/tree-arm64" >> "$work/arm64-build.log")
    export ARM64_TREE=$work/tree-arm64
  fi
  unpack arm64 "$work/busybox-arm64" busybox-static
}

x86_tree() {
  if [ -z "${AMD64_TREE:-}" ]; then
    cmake --install "$build" --prefix "$work/tree-amd64" > "$work/amd64-install.log"
    export AMD64_TREE=$work/tree-amd64
  fi
  unpack amd64 "$work/busybox-amd64" busybox-static
}

strip_of() {
  if [ "$1" = arm64 ]; then aarch64-linux-gnu-strip "$2"; else strip "$2"; fi
}

# libraries_of TREE ROOT: copies into TREE/lib what its programs name, until no new one is named.
libraries_of() {
  local tree=$1 root=$2 known="" wanted library found
  while :; do
    wanted=$(find "$tree/usr" "$tree/lib" -type f -exec readelf -d {} + 2> /dev/null |
      sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u)
    [ "$wanted" = "$known" ] && break
    known=$wanted
    for library in $wanted; do
      [ -n "$(find "$tree/lib" "$tree/usr" -name "$library" -print -quit)" ] && continue
      found=$(find -L "$root/lib" "$root/usr/lib" -name "$library" -type f -print -quit 2> /dev/null || true)
      [ -n "$found" ] || { echo "emulated_machines: no $library below $root" >&2; return 1; }
      cp -L "$found" "$tree/lib/$library"
    done
  done
}

# image ARCH TREE LIBRARY_ROOT SCRIPT NAME: an initramfs of busybox, the tree, the libraries it names and
# an init that runs SCRIPT and powers off. Not compressed: the emulated processor would have to unpack it.
image() {
  local arch=$1 installed=$2 root=$3 script=$4 name=$5 tree=$work/initramfs-$5
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,proc,sys,dev,tmp,etc,lib,lib64,usr}
  cp "$work/busybox-$arch/bin/busybox" "$tree/bin/busybox"
  cp -a "$installed/." "$tree/usr/"
  find "$tree/usr/bin" "$tree/usr/libexec" -type f -size +100k | while read -r program; do
    strip_of "$arch" "$program"
  done
  libraries_of "$tree" "$root"
  if [ "$arch" = amd64 ]; then cp -L "$root/lib64/ld-linux-x86-64.so.2" "$tree/lib64/"; fi
  if [ "$arch" = arm64 ]; then
    cp -L "$(find -L "$root/lib" "$root/usr/lib" -name ld-linux-aarch64.so.1 -print -quit)" "$tree/lib/"
  fi
  cat > "$tree/init" << INIT
#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox mkdir -p /dev/shm
/bin/busybox mount -t tmpfs none /dev/shm
/bin/busybox mount -t tmpfs none /tmp
export PATH=/usr/bin:/usr/libexec/memory_benchmark:/bin LD_LIBRARY_PATH=/lib HOME=/tmp
/bin/busybox --install -s /bin
cd /tmp
# Files leave by the console: there is no other way that every one of these machines has.
give() {
  echo FILES-BEGIN
  tar -czf - "\$@" | base64
  echo FILES-END
}
$script
echo END-OF-RUN
poweroff -f
INIT
  chmod +x "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc --quiet) > "$work/$name.img"
}

# boot NAME QEMU...: runs it with the image of that name; its output goes to NAME.log, its files to NAME/.
boot() {
  local name=$1 start=$SECONDS
  shift
  timeout "$most_seconds" "$@" -nic none -nographic -no-reboot -initrd "$work/$name.img" < /dev/null 2>&1 |
    stdbuf -oL tr -d '\r' > "$work/$name.log" || true
  echo "$name: $((SECONDS - start)) s"
  grep -q END-OF-RUN "$work/$name.log" || { echo "$name: did not reach its end, see $work/$name.log"; return 1; }
  rm -rf "${work:?}/$name"
  mkdir -p "$work/$name"
  sed -n '/^FILES-BEGIN$/,/^FILES-END$/{//!p}' "$work/$name.log" | base64 -d |
    tar -xz -C "$work/$name" || { echo "$name: its files did not come through"; return 1; }
  sed -i '/^FILES-BEGIN$/,/^FILES-END$/d' "$work/$name.log"
}

check() { python3 "$here/scripts/emulated_machines_check.py" "$1" "$work/$1.log" "$work/$1"; }

two_nodes="-m 4G -object memory-backend-ram,id=m0,size=2G -object memory-backend-ram,id=m1,size=2G"
arm="qemu-system-aarch64 -M virt,gic-version=3"
x86_shape="-smp 8,sockets=2,cores=2,threads=2 $two_nodes -numa node,memdev=m0,cpus=0-3 -numa node,memdev=m1,cpus=4-7"
# Ten seconds are little for an emulated processor: most of the plan is then reported as left out. What
# must be seen of it all the same, teams of every size, nodes and hardware threads, two probes show alone.
full_run='memory_benchmark topology
memory_benchmark run --quick --model qwen3-0.6b:q4_0 --out quick 2> errors
echo QUICK-EXIT $?
cat errors
timeout -k 5 60 stream_bandwidth --budget 25 --benchmark_filter=/read/dram/ --out stream.json > /dev/null 2>&1
echo STREAM-EXIT $?
timeout -k 5 60 smt_interference --budget 6 --benchmark_filter=/compute/ --out smt.json 2>&1 | grep hardware
touch smt.json
give quick stream.json smt.json'

boot_arm() {  # NAME QEMU-OPTIONS...
  local name=$1
  shift
  boot "$name" $arm "$@" -kernel "$(kernel_of arm64)" -append "console=ttyAMA0 quiet loglevel=0 panic=-1"
}

boot_x86() {
  local name=$1
  shift
  boot "$name" qemu-system-x86_64 "$@" -kernel "$(kernel_of amd64)" \
    -append "console=ttyS0 quiet loglevel=0 panic=-1"
}

# shellcheck disable=SC2086  # the shapes are several words
{
run_arm_counters() {
  arm_tree
  image arm64 "$ARM64_TREE" "$ARM64_ROOT" 'counters --truth; counters --json > strict.json
echo 1 > /proc/sys/kernel/perf_event_paranoid
counters --truth; counters --json > truth.json
attention_kv --budget 3 --benchmark_filter=positions:1000 --out points.json; echo PROBE-EXIT $?
memory_benchmark topology
give strict.json truth.json points.json' arm-counters
  boot_arm arm-counters -cpu neoverse-n1,pmu=on -icount shift=0 -smp 1 -m 2G && check arm-counters
}

# Steps of one small layer and attention, by teams of 1 to 4, each of whose threads counts for itself. One
# emulated nanosecond an instruction again, so the CPUs take turns and a second inside takes four times as long.
run_arm_team() {
  arm_tree
  image arm64 "$ARM64_TREE" "$ARM64_ROOT" 'echo 1 > /proc/sys/kernel/perf_event_paranoid
teams() {  # PROBE PARAMETERS
  points=
  for threads in 1 2 3 4; do
    points="$points,{\"seconds\": 0.2, \"parameters\": {$2, \"threads\": $threads}}"
  done
  echo "{\"probe\": \"$1\", \"environment\": {}, \"points\": [${points#,}]}" > plan.json
  $1 --plan plan.json --out $1.json; echo $1-EXIT $?
}
step="\"operation\": \"step\", \"model\": \"qwen3-0.6b:q4_0\", \"layers\": 1"
teams decode_scaling "$step, \"context_tokens\": 64"
teams prefill_scaling "$step, \"prompt_tokens\": 8"
teams attention_kv "\"operation\": \"attention\", \"positions\": 1000"
smt_interference --budget 4 --benchmark_filter=/compute/ --out smt_interference.json; echo smt_interference-EXIT $?
give *.json' arm-team
  boot_arm arm-team -cpu neoverse-n1,pmu=on -icount shift=0 -smp 4,sockets=1,cores=2,threads=2 -m 2G && check arm-team
}

run_arm_sockets() {
  arm_tree
  image arm64 "$ARM64_TREE" "$ARM64_ROOT" "$full_run" arm-sockets
  boot_arm arm-sockets -cpu neoverse-n1 -smp 4,sockets=2,cores=2 $two_nodes \
    -numa node,memdev=m0,cpus=0-1 -numa node,memdev=m1,cpus=2-3 && check arm-sockets
}

run_arm_smt() {
  arm_tree
  image arm64 "$ARM64_TREE" "$ARM64_ROOT" "$full_run" arm-smt
  boot_arm arm-smt -cpu neoverse-n1 -smp 4,sockets=1,cores=2,threads=2 -m 4G && check arm-smt
}

run_x86() {
  x86_tree
  image amd64 "$AMD64_TREE" / "$full_run" x86
  boot_x86 x86 -cpu Skylake-Server $x86_shape && check x86
}

run_x86_hidden() {
  x86_tree
  image amd64 "$AMD64_TREE" / "$full_run" x86-hidden
  boot_x86 x86-hidden -cpu EPYC $x86_shape && check x86-hidden
}

# Free, half of the memory that the free run took, and nine tenths of it with half a CPU.
run_x86_cgroup() {
  x86_tree
  image amd64 "$AMD64_TREE" / 'mount -t cgroup2 none /sys/fs/cgroup
echo "+cpu +memory" > /sys/fs/cgroup/cgroup.subtree_control
within() {  # NAME MEMORY CPU
  group=/sys/fs/cgroup/$1
  mkdir $group
  echo $2 > $group/memory.max
  echo $3 > $group/cpu.max
  sh -c "echo \$\$ > $group/cgroup.procs; exec memory_benchmark run --budget 20s --model qwen3-0.6b:q4_0 --out $1 2> errors"
  echo "GROUP $1 EXIT $? MAX $2 PEAK $(cat $group/memory.peak) $(grep oom_kill\  $group/memory.events)"
}
within free max "max 100000"
peak=$(cat /sys/fs/cgroup/free/memory.peak)
within half $((peak / 2)) "max 100000"
within quota $((peak / 10 * 9)) "50000 100000"
give free half quota' x86-cgroup
  boot_x86 x86-cgroup -cpu Skylake-Server -smp 2 -m 4G && check x86-cgroup
}

# The second CPU of two goes offline while both threads of a team wait for each other.
run_x86_offline() {
  x86_tree
  image amd64 "$AMD64_TREE" / 'online=/sys/devices/system/cpu/cpu1/online
offline() {  # SYNC
  point="{\"seconds\": 15, \"parameters\": {\"operation\": \"barrier\", \"sync\": \"$1\", \"threads\": 2}}"
  echo "{\"probe\": \"dispatch_overhead\", \"environment\": {}, \"points\": [$point]}" > plan.json
  timeout -k 5 90 dispatch_overhead --plan plan.json --out $1.json > /dev/null 2> errors &
  probe=$!
  sleep 8
  echo 0 > $online
  echo "OFFLINE $1 LEFT $(cat /sys/devices/system/cpu/online)"
  wait $probe
  echo "OFFLINE $1 EXIT $?"
  cat errors
  echo 1 > $online
}
for sync in spin futex openmp; do offline $sync; done
give spin.json futex.json openmp.json' x86-offline
  boot_x86 x86-offline -cpu Skylake-Server -smp 2 -m 2G && check x86-offline
}
}

failed=0
for machine in "${machines[@]}"; do
  "run_${machine//-/_}" || failed=1
done
exit $failed
