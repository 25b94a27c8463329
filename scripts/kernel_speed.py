#!/usr/bin/env python3
"""How near our kernels come to this machine's ceilings: matrix-vector products from memory against
plain reads of as many bytes by as many threads, four times the last-level caches; matrix products of
512 rows against the same products on registers alone. Both sides of a ratio are measured in each
round, in turns; the table has medians.

  scripts/kernel_speed.py [--build build/release] [--rounds 7] [--seconds 0.3] [--only REGEX]
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

MIB = 1 << 20
LEAST_MEMORY_BYTES = 256 * MIB  # of all threads together
ROWS = 512


def memory_bytes(build):
    """STREAM's rule, for the caches that the machine shows; less would be partly an L3's rate."""
    found = subprocess.run([build / "bin" / "memory_benchmark", "topology", "--json"],
                           stdout=subprocess.PIPE, text=True, check=True).stdout
    caches = json.loads(found)["caches"]
    last = max((cache["level"] for cache in caches), default=0)
    return max(LEAST_MEMORY_BYTES, 4 * sum(cache["bytes"] * cache["instances"] for cache in caches
                                           if cache["level"] == last))


def all_cases(threads_list, bytes_of_all):
    """[name, bar, (probe, parameters), ceiling's (probe, parameters)]"""
    cases = []
    for threads in threads_list:
        read = ("stream_bandwidth", {"operation": "read", "level": "dram", "page": "thp",
                                     "working_set_bytes": bytes_of_all // threads,
                                     "threads": threads})
        for kind in ("q8_0", "q4_0", "q4_k", "q6_k", "bf16", "f16", "f32"):
            cases.append((f"matvec {kind}, {threads} threads, of memory read",
                          0.95 if kind in ("q8_0", "q4_0") else None,
                          ("matmul_throughput", {"operation": "matvec", "type": kind,
                                                 "working_set_bytes": bytes_of_all // threads,
                                                 "threads": threads}), read))
        peak = ("matmul_throughput", {"operation": "peak", "threads": threads})
        for kind in ("q8_0", "q4_0", "q4_k", "q6_k"):
            cases.append((f"matmul {kind}, {ROWS} rows, {threads} threads, of int8 on registers",
                          0.85 if kind == "q8_0" else None,
                          ("matmul_throughput", {"operation": "matmul", "type": kind, "rows": ROWS,
                                                 "threads": threads}), peak))
        for kind, bar in (("f32", None), ("bf16", 0.85)):
            cases.append((f"matmul {kind}, {ROWS} rows, {threads} threads, of {kind} on registers", bar,
                          ("matmul_throughput", {"operation": "matmul", "type": kind, "rows": ROWS,
                                                 "threads": threads}),
                          ("peak_compute", {"operation": "registers", "type": kind,
                                            "threads": threads})))
        cases.append((f"product int8 (oneDNN), {ROWS} rows, {threads} threads, of int8 on registers", 0.85,
                      ("peak_compute", {"operation": "onednn", "type": "int8", "rows": ROWS,
                                        "threads": threads}),
                      ("peak_compute", {"operation": "registers", "type": "int8",
                                        "threads": threads})))
    return cases


def measure(options, side):
    """The median, or None with the reason on stderr."""
    probe, parameters = side
    with tempfile.TemporaryDirectory() as folder:
        plan, out = pathlib.Path(folder, "plan.json"), pathlib.Path(folder, "out.json")
        plan.write_text(json.dumps({"probe": probe, "environment": {}, "points": [
            {"parameters": parameters, "seconds": options.seconds}]}))
        done = subprocess.run([options.build / "bin" / probe, "--plan", plan, "--out", out],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode not in (0, 4, 7):
            sys.exit(done.stderr)
        document = json.loads(out.read_text())
    if not document["points"]:
        print(f"{probe} {parameters}: {document['missing'][0]['cause']}", file=sys.stderr)
        return None
    return document["points"][0]["summary"]["median"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--only", default="", help="regular expression of case names")
    options = parser.parse_args()
    usable = len(os.sched_getaffinity(0))
    print("| kernel | ceiling | ratio, median of rounds | range | bar |")
    print("|---|--:|--:|---|---|")
    for name, bar, ours, ceiling in all_cases(sorted({1, usable}), memory_bytes(options.build)):
        if not re.search(options.only, name):
            continue
        ratios, tops = [], []
        for turn in range(options.rounds):
            sides = [ours, ceiling] if turn % 2 else [ceiling, ours]
            found = {id(side): measure(options, side) for side in sides}
            mine, top = found[id(ours)], found[id(ceiling)]
            if not mine or not top:
                break
            ratios.append(mine / top)
            tops.append(top)
        if not ratios:
            continue
        median = statistics.median(ratios)
        verdict = "" if bar is None else "holds" if median >= bar else f"**below {bar}**"
        print(f"| {name} | {statistics.median(tops) / 1e9:.1f}e9 | {median:.3f} | "
              f"{min(ratios):.2f} to {max(ratios):.2f} | {verdict} |", flush=True)


if __name__ == "__main__":
    main()
