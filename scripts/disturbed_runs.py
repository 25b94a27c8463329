#!/usr/bin/env python3
"""How many disturbed measurements the verdicts notice: runs short points N times each undisturbed,
beside a busy thread on every CPU, and under a quota of half the CPU time that they use, in turns,
and prints the share of runs that were not `valid`.

  scripts/disturbed_runs.py BUILD_BIN [--rounds N] [--log FILE] [--kinds quiet,busy,quota]

A round is 4 points of each kind, 0.7 s each: about 8 s. --log appends what was seen and sums up all
that the file holds, so that N rounds can be had in pieces. The quota needs a cgroup that may be made
(v1 or v2, mostly root); where it may not, that kind is left out and named.

Exit 1 when less than 95 % of the runs of a disturbed kind were not valid. The undisturbed runs are
recorded and not judged: on a machine that others use they are disturbed as well.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

LEAST_NOTICED = 0.95
SECONDS = 0.7
# None in DRAM: on a guest that is "noisy: brief" when watched for less than 2 s, whatever happens.
POINTS = [
    ("stream_bandwidth", {"operation": "read", "level": "L2", "page": "thp", "threads": 1}),
    ("stream_bandwidth", {"operation": "read", "level": "L2", "page": "thp", "threads": 2}),
    ("peak_compute", {"operation": "registers", "type": "f32", "threads": 1}),
    ("dispatch_overhead", {"operation": "barrier", "sync": "spin", "threads": 2}),
]
PERIOD_US = 100_000  # the kernel's own default


class Busy:
    """A process that spins on each CPU, at the priority of anybody's program."""

    def __enter__(self):
        self.spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"],
                                          preexec_fn=lambda cpu=cpu: os.sched_setaffinity(0, {cpu}))
                         for cpu in os.sched_getaffinity(0)]
        return self

    def join(self, _pid):
        pass

    def __exit__(self, *_):
        for process in self.spinning:
            process.kill()
            process.wait()


class Quiet:
    def __enter__(self):
        return self

    def join(self, _pid):
        pass

    def __exit__(self, *_):
        pass


class Quota:
    """A cgroup with half of the CPU time of so many threads. OSError where none may be made."""

    def __init__(self, threads):
        self.quota_us = PERIOD_US * threads // 2
        self.folder = None

    def __enter__(self):
        v1 = pathlib.Path("/sys/fs/cgroup/cpu")
        root = v1 if v1.is_dir() else pathlib.Path("/sys/fs/cgroup")
        folder = root / f"disturbed_runs.{os.getpid()}"
        folder.mkdir()
        self.folder = folder
        try:
            if v1.is_dir():
                (folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (folder / "cpu.cfs_quota_us").write_text(str(self.quota_us))
            else:
                (folder / "cpu.max").write_text(f"{self.quota_us} {PERIOD_US}")
        except OSError:
            folder.rmdir()
            raise
        return self

    def join(self, pid):
        (self.folder / "cgroup.procs").write_text(str(pid))

    def __exit__(self, *_):
        self.folder.rmdir()


def disturbance(kind, threads):
    return {"quiet": Quiet, "busy": Busy, "quota": lambda: Quota(threads)}[kind]()


def measure(binaries, folder, kind, probe, parameters):
    """(verdict, reasons, median) of one run; "missing" where the point could not be had."""
    plan, out = folder / "plan.json", folder / "out.json"
    plan.write_text(json.dumps({"probe": probe, "environment": {}, "points": [
        {"parameters": parameters, "seconds": SECONDS}]}))
    out.unlink(missing_ok=True)
    with disturbance(kind, parameters["threads"]) as disturbing:
        subprocess.run([binaries / probe, "--machine", folder / "machine.json", "--plan", plan,
                        "--out", out], check=False, capture_output=True,
                       preexec_fn=lambda: disturbing.join(os.getpid()))
    points = json.loads(out.read_text())["points"] if out.exists() else []
    if not points:
        return "missing", [], 0
    verdict = points[0]["verdict"]
    reasons = [reason["code"] for reason in verdict["reasons"] if reason["code"] != "missing_signal"]
    return verdict["validity"], reasons, points[0]["summary"]["median"]


def kinds_that_can_be_had(wanted):
    kinds = wanted.split(",")
    if "quota" in kinds:
        try:
            with Quota(1):
                pass
        except OSError as error:
            print(f"quota: left out: {error}")
            kinds.remove("quota")
    return kinds


def summary(seen):
    """Prints the shares; whether every disturbed kind was noticed often enough."""
    noticed = True
    for kind in ("quiet", "busy", "quota"):
        of_kind = [run for run in seen if run["kind"] == kind]
        if not of_kind:
            continue
        missing = sum(run["verdict"] == "missing" for run in of_kind)
        if missing:  # says nothing of the verdicts
            print(f"{kind}: {missing} of {len(of_kind)} runs left no point")
            noticed = False
        of_kind = [run for run in of_kind if run["verdict"] != "missing"] or of_kind
        bad = sum(run["verdict"] not in ("valid", "missing") for run in of_kind)
        share = bad / len(of_kind)
        print(f"{kind}: {bad} of {len(of_kind)} runs not valid ({share:.1%})")
        noticed &= kind == "quiet" or share >= LEAST_NOTICED
        for name in sorted({run["point"] for run in of_kind}):
            runs = [run for run in of_kind if run["point"] == name]
            verdicts = collections.Counter(run["verdict"] for run in runs)
            reasons = collections.Counter(code for run in runs for code in run["reasons"])
            print(f"  {name}: {dict(verdicts)}; {dict(reasons.most_common(5))}")
    return noticed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--log", type=pathlib.Path)
    parser.add_argument("--kinds", default="quiet,busy,quota")
    options = parser.parse_args()
    kinds = kinds_that_can_be_had(options.kinds)
    seen = []
    if options.log and options.log.exists():
        seen = [json.loads(line) for line in options.log.read_text().splitlines()]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        described = subprocess.run([options.binaries / "machine"], check=True, capture_output=True)
        (folder / "machine.json").write_text(json.dumps(json.loads(described.stdout)["machine"]))
        for _ in range(options.rounds):
            turns = [(kind, *point) for kind in kinds for point in POINTS]
            random.shuffle(turns)
            for kind, probe, parameters in turns:
                verdict, reasons, median = measure(options.binaries, folder, kind, probe, parameters)
                name = "/".join([probe, *(str(value) for value in parameters.values())])
                seen.append({"kind": kind, "point": name, "verdict": verdict, "reasons": reasons,
                             "median": median})
                if options.log:
                    with options.log.open("a") as log:
                        log.write(json.dumps(seen[-1]) + "\n")
    return 0 if summary(seen) else 1


if __name__ == "__main__":
    sys.exit(main())
