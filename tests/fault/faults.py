#!/usr/bin/env python3
"""The n-th call of a function fails, n rising until a run in which nothing failed (SQLite's way).

  faults.py BIN SHIM [--all] [--scenario NAME] [--call NAME]

BIN holds the built programs, SHIM is the library of shim.cc. For every scenario (a real program and
what it writes), every function and both modes (that call alone; that call and all later ones) the
program must end by itself with one of the house's exit codes within 30 s, leave no file behind that
nobody asked for, leave an old file as it was or replace it by a whole one, and never say 0 without
its document. Without --all n grows by steps beyond the first few, so that it takes seconds; with it every
n is tried, of allocations every n to 200 and then steps of a fiftieth.
"""
import argparse
import collections
import errno
import json
import pathlib
import sys

import house

# What each function says when it fails.
CALLS = {
    "new": [errno.ENOMEM], "malloc": [errno.ENOMEM], "mmap": [errno.ENOMEM],
    "mprotect": [errno.ENOMEM], "open": [errno.EMFILE, errno.EACCES], "read": [errno.EIO],
    "write": [errno.ENOSPC, errno.EIO], "fsync": [errno.EIO], "rename": [errno.EACCES],
    "fallocate": [errno.ENOSPC], "memfd_create": [errno.EMFILE],
    "pthread_create": [errno.EAGAIN], "setaffinity": [errno.EINVAL],
    # hwloc 2.9 asks again and again with larger masks, whatever the error: only once, therefore.
    "getaffinity": [errno.EPERM], "mbind": [errno.EPERM], "perf_event_open": [errno.EACCES],
    "pidfd_open": [errno.EMFILE], "fork": [errno.EAGAIN], "pipe": [errno.EMFILE],
    "mkdir": [errno.EACCES], "statvfs": [errno.EIO],
}
MEASURING = ["new", "mmap", "mprotect", "open", "read", "write", "fsync", "rename",
             "pthread_create", "setaffinity", "getaffinity", "mbind", "perf_event_open"]
RUNNING = ["new", "open", "read", "write", "fsync", "rename", "fork", "pipe", "mkdir",
           "pidfd_open"]
READING = ["new", "malloc", "mmap", "open", "read", "write", "fsync", "rename"]


class Scenario:
    """argv and env of a fresh run in `folder`, the program that the fault is for, the files that it
    may write. `old` are files that hold the text "old" before."""

    def __init__(self, name, program, argv, calls, document="", allowed=(), env=None, path=True,
                 short=True, points=None):
        self.name, self.program, self.argv, self.calls = name, program, argv, calls
        self.document, self.allowed = document, set(allowed) | ({document} if document else set())
        self.env, self.path, self.short, self.points = env or {}, path, short, points


def scenarios(bin_folder, golden):
    """Each argv is made for a folder."""
    def campaign(folder):
        return [house.fake_house(folder / "bin", bin_folder), "run", "--budget", "2s", "--out",
                folder / "out" / "run"]
    def started(folder):  # steps whose threads are created for them
        plan = folder / "plan.json"
        plan.write_text(json.dumps({
            "probe": "dispatch_overhead", "environment": {}, "set_up_seconds": 0,
            "points": [{"seconds": 0.1, "parameters": {"operation": "step", "sync": "thread_create",
                                                       "work_ms": 50, "threads": 3}}]}))
        return [bin_folder / "dispatch_overhead", "--plan", plan, "--out", folder / "out" / "d"]
    run_files = {"run"}
    return [
        Scenario("machine", "machine", lambda f: [bin_folder / "machine", "--out", f / "out" / "m"],
                 MEASURING, "m"),
        Scenario("report", "memory_benchmark",
                 lambda f: [bin_folder / "memory_benchmark", "report",
                            golden / "render-small-results.json", "--html", f / "out" / "page"],
                 READING, "page", path=False),
        Scenario("run", "memory_benchmark", campaign, RUNNING, "", run_files, path=False),
        Scenario("stream", "stream_bandwidth",
                 lambda f: [bin_folder / "stream_bandwidth", "--budget", "0.2", "--out",
                            f / "out" / "s", "--benchmark_filter=/read/(L1|dram)/.*thp"],
                 MEASURING, "s", short=False),
        Scenario("dispatch", "dispatch_overhead",
                 lambda f: [bin_folder / "dispatch_overhead", "--budget", "0.2", "--out",
                            f / "out" / "d", "--benchmark_filter=(spin|futex|openmp)/"],
                 MEASURING, "d", short=False),
        Scenario("started", "dispatch_overhead", started, ["pthread_create", "setaffinity"], "d",
                 short=False),
        Scenario("shm", "shm_bandwidth",
                 lambda f: [bin_folder / "shm_bandwidth", "--budget", "0.2", "--out",
                            f / "out" / "s"],
                 MEASURING + ["fallocate", "memfd_create", "statvfs"], "s", short=False),
        Scenario("shm_log", "memory_benchmark",
                 lambda f: [bin_folder / "memory_benchmark", "shm", "1M", f / "out" / "log"],
                 ["open", "read", "write", "fallocate", "statvfs", "rename", "pthread_create"],
                 "log", short=False),
    ]


def problems(scenario, folder, ended, shm_before, fault):
    found = [ended.bad()] if ended.bad() else []
    out = folder / "out"
    left = house.leftovers(out, scenario.allowed)
    if scenario.name == "run":
        left += ["run/" + name for name in house.leftovers(
            out / "run", {"results.json", "recommendation.json", "report.html", house.JOURNAL})]
        left += [f"process {pid}" for pid in house.processes_of(folder)]
        for name in ("results.json", "recommendation.json"):
            if (out / "run" / name).exists() and isinstance(house.load(out / "run" / name), str):
                found.append(f"{name} is no document")
        if ended.code == 0 and not (out / "run" / "results.json").exists():
            found.append("exit 0 without results.json")
    new_in_shm = house.names_in_shm() - shm_before
    if may_leave(fault):
        left = [name for name in left if name != "run/.campaign" and
                not house.is_temporary_file(name.removeprefix("run/"))]
    if left or new_in_shm:
        found.append(f"left behind: {left + sorted(new_in_shm)}")
    if scenario.document:
        text = (out / scenario.document).read_text(errors="replace")
        if text == "old":
            if ended.code == 0:
                found.append("exit 0 and the old file stands")
        elif scenario.document in ("m", "s", "d"):
            document = house.load(out / scenario.document)
            if isinstance(document, str):
                found.append("the old file was replaced by no document")
            else:
                found += vanished(document, scenario, ended)
        elif scenario.document == "page" and not text.rstrip().endswith("</html>"):
            found.append("the old page was replaced by half a one")
    if ended.code and ended.code > 0 and len(ended.err.strip().splitlines()) < 1:
        found.append("no word of why")
    return found


def vanished(document, scenario, ended):
    """Points that a whole document neither holds nor lists as missing."""
    if scenario.points is None or ended.code not in (0, 7):
        return []
    told = {point["name"] for point in document["points"]} | {
        entry["what"] for entry in document["missing"]}
    return [f"vanished: {name}" for name in scenario.points - told]


def may_leave(fault):
    """Out of memory inside a destructor of nlohmann-json the program ends on the spot (code 3), and
    without descriptors, for ever, no folder can be listed and so none be emptied. The next start takes
    the work folder away."""
    return fault and (fault[0] in ("new", "malloc") or
                      (fault[3] == "persistent" and fault[0] == "open"))


def one_run(scenario, shim, fault):
    with house.temporary("mb-fault-") as name:
        folder = pathlib.Path(name)
        (folder / "out").mkdir()
        (folder / "tmp").mkdir()
        if scenario.document:
            (folder / "out" / scenario.document).write_text("old")
        shm_before = house.names_in_shm()
        env = dict(scenario.env, TMPDIR=str(folder / "tmp"))
        if fault:
            call, n, error, mode = fault
            env.update(LD_PRELOAD=str(shim), FAULT_CALL=call, FAULT_N=str(n), FAULT_ERRNO=str(error),
                       FAULT_MODE=mode, FAULT_PROGRAM=scenario.program,
                       FAULT_LOG=str(folder / "fired"))
        ended = house.run(scenario.argv(folder), house.environment(env, scenario.path))
        fired = (folder / "fired").exists()
        found = problems(scenario, folder, ended, shm_before, fault)
        left = house.leftovers(folder / "tmp", set())
        if left and not may_leave(fault):
            found.append(f"left in TMPDIR: {left}")
        if not fault and scenario.document in ("s", "d"):
            document = house.load(folder / "out" / scenario.document)
            scenario.points = {point["name"] for point in document["points"]}
        return ended, fired, found


def next_n(n, everything, call):
    """Every n; of allocations, whose thousands are the same few places again and again, every n to 200
    and then steps of a fiftieth."""
    if everything:
        return n + 1 if n < 200 or call not in ("new", "malloc") else n + n // 50
    return n + 1 if n < 3 else n * 2 + 1


def drive(scenario, shim, call, everything):
    """n rising until nothing fails; returns (n reached, exit codes, problems)."""
    codes, bad, reached = collections.Counter(), [], 0
    for error in CALLS[call]:
        for mode in ("transient", "persistent") if call != "getaffinity" else ("transient",):
            n = 1
            while True:
                ended, fired, found = one_run(scenario, shim, (call, n, error, mode))
                where = f"{scenario.name}: {call} {n} {errno.errorcode[error]} {mode}"
                bad += [f"{where}: {problem}: {ended.err.strip()[-160:]}" for problem in found]
                if not fired:
                    break
                codes[ended.code] += 1
                reached = max(reached, n)
                n = next_n(n, everything, call)
    return reached, codes, bad


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("shim", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--scenario")
    parser.add_argument("--call")
    arguments = parser.parse_args()
    golden = pathlib.Path(__file__).resolve().parents[2] / "data" / "golden"
    failures, runs = [], 0
    for scenario in scenarios(arguments.bin.resolve(), golden):
        if arguments.scenario not in (None, scenario.name):
            continue
        if not arguments.all and not scenario.short and arguments.scenario is None:
            continue
        ended, _, found = one_run(scenario, arguments.shim, None)
        failures += [f"{scenario.name} without a fault: {problem}: {ended.err}" for problem in found]
        runs_before = runs
        for call in scenario.calls:
            if arguments.call not in (None, call):
                continue
            reached, codes, bad = drive(scenario, arguments.shim.resolve(), call, arguments.all)
            failures += bad
            runs += sum(codes.values())
            ends = ", ".join(f"{count} x {code}" for code, count in sorted(
                codes.items(), key=lambda item: str(item[0])))
            print(f"{scenario.name:10} {call:16} n to {reached:6}  exit {ends or '-'}"
                  f"{f'  BAD {len(bad)}' if bad else ''}", flush=True)
        if runs == runs_before and arguments.call in (None, *scenario.calls):
            failures.append(f"{scenario.name}: no fault reached it")
    print(f"{runs} runs with a fault, {len(failures)} problems")
    for failure in failures:
        print(failure)
    return 1 if failures or runs == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
