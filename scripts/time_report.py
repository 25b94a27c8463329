#!/usr/bin/env python3
"""Prints how long a report takes and how much memory it needs, and asserts nothing.
Usage: time_report.py MEMORY_BENCHMARK RESULTS [ROUNDS]"""
import os
import pathlib
import sys
import tempfile
import time


def report(program, results, page):
    """Seconds, and the largest resident set in bytes of the program and of gnuplot."""
    started = time.monotonic()
    child = os.spawnv(os.P_NOWAIT, program, [program, "report", results, "--html", page])
    _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 7):
        sys.exit(f"time_report: {program} report ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - started, usage.ru_maxrss * 1024


def main(arguments):
    if len(arguments) < 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    program, results = arguments[:2]
    rounds = int(arguments[2]) if len(arguments) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        page = os.path.join(folder, "report.html")
        runs = [report(program, results, page) for _ in range(rounds)]
        size = pathlib.Path(page).stat().st_size
    seconds = sorted(run[0] for run in runs)
    print(f"report --html of {results}: median {seconds[len(seconds) // 2]:.2f} s "
          f"({seconds[0]:.2f} to {seconds[-1]:.2f}, {rounds} rounds), "
          f"at most {max(run[1] for run in runs) / 1e6:.0f} MB, page {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
