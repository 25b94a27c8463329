#!/usr/bin/env bash
# Runs the kernels' tests and a few probes on x86 CPUs that lack instructions this one has, as qemu-user
# emulates them: none may end by SIGILL, every kernel must equal its scalar twin, and the instruction
# sets that are offered must be those the CPU has.
#   scripts/masked_cpus.sh [BIN [CPU...]]     BIN: the built programs (default: build/test/bin); CPU: of the
#                                             table below, as it stands there (default: all)
# Timings mean nothing there. qemu 7.2 knows no AVX-512: AVX3 is tested on CPUs that have it.
# Needs qemu-user-static (qemu-x86_64-static). x86-64 itself (qemu64) is the baseline of every build, so no
# CPU that runs 64-bit programs is below it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin="${1:-build/test/bin}"
wanted=" ${*:2} "
qemu="$(command -v qemu-x86_64-static || command -v qemu-x86_64)" || {
  echo "masked_cpus: needs qemu-x86_64-static (package qemu-user-static)" >&2
  exit 4
}
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "masked_cpus: $*" >&2
  exit 1
}

# kernels CPU TARGETS VARIANTS: what Highway must offer and which files of intrinsics run ("-": none)
kernels() {
  local report="$folder/kernels.xml" offered
  "$qemu" -cpu "$1" "$bin/workloads_kernels_test" --gtest_brief=1 "--gtest_output=xml:$report" \
    >"$folder/said" 2>&1 </dev/null || fail "kernels on $1: exit $?: $(tail -3 "$folder/said")"
  offered="$(grep -o '"supported_isas" value="[^"]*"' "$report")"
  [[ "$offered" == "\"supported_isas\" value=\"$2\"" ]] || fail "kernels on $1: expected $2, got $offered"
  offered="$(grep -o '"panel_variants" value="[^"]*"' "$report" || echo -)"
  [[ "$offered" == "${3/#AVX2/\"panel_variants\" value=\"AVX2\"}" ]] ||
    fail "kernels on $1: expected panel variants $3, got $offered"
}

# probe CPU NAME FILTER: 0, or 7 where the samples of an emulated CPU are trusted by nobody
probe() {
  local code=0
  "$qemu" -cpu "$1" "$bin/$2" --budget 4s "--benchmark_filter=$3" >"$folder/said" 2>&1 </dev/null || code=$?
  ((code == 0 || code == 7)) || fail "$2 on $1: exit $code: $(tail -3 "$folder/said")"
}

tried=0
while read -r cpu targets variants; do
  [[ "$wanted" == "  " || "$wanted" == *" $cpu "* ]] || continue
  start=$SECONDS tried=$((tried + 1))
  kernels "$cpu" "$targets" "$variants"
  probe "$cpu" stream_bandwidth "read/dram/page:thp/threads:1/"
  probe "$cpu" matmul_throughput "matvec/type:q4_0/threads:1/"
  probe "$cpu" peak_compute "threads:1/"
  echo "$cpu: $targets, panels $variants: equal to scalar, no SIGILL ($((SECONDS - start)) s)"
done <<'END'
qemu64 SCALAR -
qemu64,-sse3 SCALAR -
Nehalem SSSE3,SCALAR -
Westmere SSE4,SSSE3,SCALAR -
SandyBridge SSE4,SSSE3,SCALAR -
Haswell AVX2,SSE4,SSSE3,SCALAR AVX2
Haswell,-fma SSE4,SSSE3,SCALAR -
Haswell,-f16c SSE4,SSSE3,SCALAR -
Haswell,-bmi2 SSE4,SSSE3,SCALAR AVX2
max AVX2,SSE4,SSSE3,SCALAR AVX2
max,-avx2 SSE4,SSSE3,SCALAR -
END
((tried > 0)) || fail "no such CPU:$wanted"
