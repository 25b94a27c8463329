#!/usr/bin/env python3
"""How much DRAM read bandwidth differs between runs of the main job: runs `run --quick` N times and
prints each run's medians with their verdicts, and the spread of those that were called valid.

  scripts/repeat_runs.py BUILD_BIN [RUNS]      (default 10 runs; about 20 s each)

Exit 1 when valid medians of one kind differ by 5 % or more: then a verdict should have said noisy.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

MOST_SPREAD = 0.05


def dram_reads(document):
    """{(threads, page): (bytes/s, verdict)} of the plain DRAM reads."""
    found = {}
    for point in document["points"]:
        parameters = point["parameters"]
        if (point["probe"] == "stream_bandwidth" and parameters.get("operation") == "read" and
                parameters.get("level") == "dram" and "cpu_node" not in parameters and
                parameters.get("placement", "spread") == "spread" and point["summary"]["count"] > 0):
            key = (parameters.get("threads", 1), parameters.get("page", ""))
            found[key] = (point["summary"]["median"], point["verdict"]["validity"])
    return found


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = pathlib.Path(sys.argv[1]) / "memory_benchmark"
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    valid, bad = {}, False
    with tempfile.TemporaryDirectory() as folder:
        for run in range(runs):
            out = pathlib.Path(folder) / str(run)
            subprocess.run([program, "run", "--quick", "--out", out], check=False,
                           capture_output=True)
            reads = dram_reads(json.loads((out / "results.json").read_text()))
            print(f"run {run + 1}: " + "; ".join(
                f"{threads} threads, {page}: {rate / 1e9:.1f} GB/s {verdict}"
                for (threads, page), (rate, verdict) in sorted(reads.items())), flush=True)
            for key, (rate, verdict) in reads.items():
                if verdict == "valid":
                    valid.setdefault(key, []).append(rate)
    for (threads, page), rates in sorted(valid.items()):
        spread = max(rates) / min(rates) - 1
        bad |= spread >= MOST_SPREAD
        print(f"{threads} threads, {page}: {len(rates)} of {runs} runs valid, median "
              f"{statistics.median(rates) / 1e9:.1f} GB/s, spread {spread:.1%}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
