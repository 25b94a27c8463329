#!/bin/bash
# Boots machines that we do not have under qemu's software emulation and runs our programs there:
# a Neoverse N1 whose PMU counts, two sockets with a NUMA node each, two threads a core. Timings inside
# mean nothing; structure, counters, placement, plan and words do.
#
#   scripts/emulated_machines.sh BUILD_DIR WORK_DIR [x86 | arm-counters | arm-sockets | arm-smt]...
#
# BUILD_DIR   x86-64 programs (a preset's build folder), for the machine `x86`
# WORK_DIR    kept between calls: kernels, busybox, images, logs
# The arm machines run what the arm64 preset builds (scripts/arm64_sysroot.sh), which this script does.
# Needs: apt-get install qemu-system-arm qemu-system-x86 cpio; kernels and busybox are downloaded into
# WORK_DIR. Exit 0 when every machine asked for said what it must, 1 otherwise; WORK_DIR/NAME.log holds
# what each printed.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath "$1") work=$(mkdir -p "$2" && realpath "$2")
shift 2
machines=("${@:-x86}")

# apt_of ARCH COMMAND...: apt with lists and an empty status of its own, for another architecture's packages
# without touching the host.
apt_of() {
  local arch=$1 root=$work/apt-$1
  shift
  mkdir -p "$root/lists/partial" "$root/archives/partial"
  : > "$root/status"
  apt-get -q -y -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State::Lists="$root/lists" \
    -o Dir::Cache::Archives="$root/archives" -o Dir::State::status="$root/status" -o Debug::NoLocking=1 \
    -o APT::Install-Recommends=0 -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
}

# unpack ARCH TREE PACKAGE: one package, unpacked into TREE.
unpack() {
  local arch=$1 tree=$2 package=$3
  [ -e "$tree/.done" ] && return
  ls "$work/apt-$arch"/lists/*Packages* > /dev/null 2>&1 || apt_of "$arch" update > "$work/apt-$arch.log"
  mkdir -p "$tree"
  (cd "$tree" && apt_of "$arch" download "$package" >> "$work/apt-$arch.log" && dpkg-deb -x ./*.deb . && touch .done)
}

kernel_of() {  # ARCH -> path of its cloud kernel
  local arch=$1 tree=$work/kernel-$1 package
  if ! ls "$tree"/boot/vmlinuz-* > /dev/null 2>&1; then
    [ -d "$work/apt-$arch/lists" ] && ls "$work/apt-$arch"/lists/*Packages* > /dev/null 2>&1 ||
      apt_of "$arch" update > "$work/apt-$arch.log"
    package=$(apt-cache -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
      -o Dir::State::Lists="$work/apt-$arch/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
      depends "linux-image-cloud-$arch" | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
    (mkdir -p "$tree" && cd "$tree" && apt_of "$arch" download "$package" >> "$work/apt-$arch.log" &&
      dpkg-deb -x ./*.deb .)
  fi
  ls "$tree"/boot/vmlinuz-* | head -1
}

arm_build() {  # cross-builds the programs that the arm machines run, with the house's preset
  "$here/scripts/arm64_sysroot.sh"
  export ARM64_ROOT="${ARM64_ROOT:-${HOME:-/root}/.cache/memory_benchmark/arm64/root}"
  (cd "$here" && cmake --preset arm64 -DBUILD_TESTING=OFF > "$work/arm64-configure.log" &&
    cmake --build --preset arm64 > "$work/arm64-build.log")
  unpack arm64 "$work/busybox-arm64" busybox-static
}

# image ARCH BIN LIBRARY_ROOT SCRIPT NAME: an initramfs of busybox, the programs, the libraries they name
# and an init that runs SCRIPT and powers off.
image() {
  local arch=$1 bin=$2 root=$3 script=$4 name=$5 tree=$work/initramfs-$5
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,proc,sys,dev,tmp,etc,lib,lib64}
  local busybox
  busybox=$(ls "$work/busybox-$arch"/bin/busybox "$root"/bin/busybox 2> /dev/null | head -1)
  cp "$busybox" "$tree/bin/busybox"
  for program in machine counters core_to_core stream_bandwidth matmul_throughput cache_latency attention_kv \
    dispatch_overhead decode_scaling prefill_scaling smt_interference loaded_latency shm_bandwidth clock \
    peak_compute memory_benchmark; do
    [ -e "$bin/$program" ] || continue
    cp "$bin/$program" "$tree/bin/"
    strip_of "$arch" "$tree/bin/$program"
  done
  # Libraries by name, until no new one is named.
  local libraries=$tree/lib known=""
  while :; do
    local wanted
    wanted=$(for file in "$tree"/bin/* "$libraries"/*.so*; do readelf -d "$file" 2> /dev/null || true; done |
      sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u)
    [ "$wanted" = "$known" ] && break
    known=$wanted
    for library in $wanted; do
      [ -e "$libraries/$library" ] && continue
      local found
      found=$(find -L "$root/lib" "$root/usr/lib" -name "$library" -type f -print -quit 2> /dev/null || true)
      cp -L "$found" "$libraries/$library"
    done
  done
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
export PATH=/bin LD_LIBRARY_PATH=/lib HOME=/tmp
/bin/busybox --install -s /bin
cd /tmp
$script
echo END-OF-RUN
poweroff -f
INIT
  chmod +x "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1) > "$work/$name.img"
}

strip_of() {
  if [ "$1" = arm64 ]; then aarch64-linux-gnu-strip "$2"; else strip "$2"; fi
}

# boot NAME QEMU...: runs it with the image of that name; its output goes to NAME.log.
boot() {
  local name=$1
  shift
  timeout 600 "$@" -nic none -nographic -no-reboot -initrd "$work/$name.img" < /dev/null > "$work/$name.log" 2>&1 ||
    true
  grep -q END-OF-RUN "$work/$name.log" || { echo "$name: did not reach its end, see $work/$name.log"; return 1; }
}

# must NAME WORDS...: the log holds each.
must() {
  local name=$1 failed=0
  shift
  for words in "$@"; do
    grep -qE -- "$words" "$work/$name.log" && continue
    echo "$name: '$words' is not in $work/$name.log"
    failed=1
  done
  [ $failed = 0 ] && echo "$name: as it must be"
  return $failed
}

two_nodes="-m 4G -object memory-backend-ram,id=m0,size=2G -object memory-backend-ram,id=m1,size=2G"
full_run='memory_benchmark topology; memory_benchmark run --quick --model qwen3-0.6b:q4_0 --out run; echo RUN-EXIT $?'

run_x86() {
  unpack amd64 "$work/busybox-amd64" busybox-static
  image amd64 "$build/bin" / "$full_run" x86
  # shellcheck disable=SC2086
  boot x86 qemu-system-x86_64 -cpu Skylake-Server -smp 8,sockets=2,cores=2,threads=2 $two_nodes \
    -numa node,memdev=m0,cpus=0-3 -numa node,memdev=m1,cpus=4-7 -kernel "$(kernel_of amd64)" \
    -append "console=ttyS0 quiet panic=-1"
  must x86 '8 CPUs on 4 cores' '2 NUMA nodes' '2 packages' 'two hardware threads a core' 'RUN-EXIT [07]'
}

run_arm_counters() {
  arm_build
  image arm64 "$here/build/arm64/bin" "$ARM64_ROOT" \
    'counters --truth; echo 1 > /proc/sys/kernel/perf_event_paranoid; counters --truth; attention_kv --budget 3 --benchmark_filter=positions:1000 --out points.json; cat points.json' \
    arm-counters
  boot arm-counters qemu-system-aarch64 -M virt,gic-version=3 -cpu neoverse-n1,pmu=on -icount shift=0 -smp 1 -m 2G \
    -kernel "$(kernel_of arm64)" -append "console=ttyAMA0 quiet panic=-1"
  must arm-counters 'PAPI_TOT_INS +instructions +base +counts' 'PAPI_TOT_CYC +cycles +base +plausible' \
    'PAPI_L1_DCM .*unavailable' 'perf_event_paranoid is 3' '"PAPI_TOT_INS"' 'instructions_per_cycle'
}

run_arm_sockets() {
  arm_build
  image arm64 "$here/build/arm64/bin" "$ARM64_ROOT" "$full_run" arm-sockets
  # shellcheck disable=SC2086
  boot arm-sockets qemu-system-aarch64 -M virt,gic-version=3 -cpu neoverse-n1 -smp 4,sockets=2,cores=2 $two_nodes \
    -numa node,memdev=m0,cpus=0-1 -numa node,memdev=m1,cpus=2-3 -kernel "$(kernel_of arm64)" \
    -append "console=ttyAMA0 quiet panic=-1"
  must arm-sockets '4 CPUs on 4 cores' '2 NUMA nodes' 'none visible' 'RUN-EXIT [07]'
}

run_arm_smt() {
  arm_build
  image arm64 "$here/build/arm64/bin" "$ARM64_ROOT" "$full_run" arm-smt
  boot arm-smt qemu-system-aarch64 -M virt,gic-version=3 -cpu neoverse-n1 -smp 4,sockets=1,cores=2,threads=2 -m 4G \
    -kernel "$(kernel_of arm64)" -append "console=ttyAMA0 quiet panic=-1"
  must arm-smt '4 CPUs on 2 cores' 'two hardware threads a core' 'RUN-EXIT [07]'
}

failed=0
for machine in "${machines[@]}"; do
  "run_${machine//-/_}" || failed=1
done
exit $failed
