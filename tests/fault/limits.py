#!/usr/bin/env python3
"""Narrow places: small and full tmpfs, resource limits, a kill for memory, a mask that is narrowed
while threads run, full disks, closed pipes, two runs in one folder.

  limits.py BIN [--only NAME] [--all]     without --all a third of the resource limits

Each case ends by itself with one of the house's exit codes; its document, where there is one, is
whole; what could not be had is said. A case that needs a right which this user lacks is skipped by
name with what it needs; the last line counts them.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import stat
import subprocess
import sys
import time

import house

NOBODY = 65534
EVERYTHING = False  # --all
MIB = 1 << 20


class Skip(Exception):
    """What this case needs and does not have."""


def can_mount():
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
                           capture_output=True, check=False)
    if tried.returncode != 0:
        raise Skip("a mount namespace of our own (unshare -m as root)")


def in_mounts(script, argv, env=None, seconds=house.HANG_SECONDS):
    """argv after `script` (sh) has made mounts that nobody else sees."""
    can_mount()
    return house.run(["unshare", "-m", "sh", "-c", script + '; exec "$@"', "sh", *argv], env,
                     seconds=seconds)


def document_problem(path, needed=True):
    if not path.exists():
        return f"no {path.name}" if needed else ""
    document = house.load(path)
    return document if isinstance(document, str) else ""


def ended_well(ended, codes=None):
    if ended.bad():
        return [f"{ended.bad()}: {ended.err[-200:]}"]
    if codes and ended.code not in codes:
        return [f"exit code {ended.code}, not {sorted(codes)}: {ended.err[-200:]}"]
    if ended.code != 0 and not ended.err.strip():
        return [f"exit code {ended.code} without a word of why"]
    return []


def shm_on_small_tmpfs(bin_folder, folder):
    found = []
    for name, script, most_seconds in (
            ("0 bytes free", "mount -t tmpfs -o size=4k none /dev/shm; head -c 4096 /dev/zero > /dev/shm/full", 2),
            ("1 MiB", "mount -t tmpfs -o size=1m none /dev/shm", 2),
            ("64 MiB", "mount -t tmpfs -o size=64m none /dev/shm", 30),
            ("full half-way", "mount -t tmpfs -o size=64m none /dev/shm; "
             "(head -c 60000000 /dev/zero > /dev/shm/other 2>/dev/null &)", 30)):
        for argv, codes in (
                ([bin_folder / "memory_benchmark", "shm", "4M", folder / f"log {name}"], {0, 3}),
                ([bin_folder / "shm_bandwidth", "--budget", "0.5", "--out", folder / "shm.json"],
                 {0, 3, 4, 7})):
            ended = in_mounts(script, argv, house.environment())
            where = f"{argv[0].name} with {name}"
            found += [f"{where}: {problem}" for problem in ended_well(ended, codes)]
            if EVERYTHING and ended.code != 0 and ended.seconds > most_seconds:
                found.append(f"{where}: refused after {ended.seconds:.1f} s")
            if argv[1] == "shm":  # eight files of 4 MiB
                fits = {"0 bytes free": {3}, "1 MiB": {3}, "64 MiB": {0}}.get(name, codes)
                found += [f"{where}: {problem}" for problem in ended_well(ended, fits)]
    return found


def with_limits(limits, user=None):
    def preexec():
        for which, value in limits.items():
            resource.setrlimit(which, (value, value))
        if user is not None:
            os.setgid(user)
            os.setuid(user)
    return preexec


def resource_limits(bin_folder, folder):
    found = []
    def some(values):
        return values if EVERYTHING else values[::3]
    cases = [("address space", {resource.RLIMIT_AS: size * MIB})
             for size in some((512, 2048, 256, 128, 64))]
    cases += [("locked memory", {resource.RLIMIT_MEMLOCK: 0})]
    cases += [("open files", {resource.RLIMIT_NOFILE: count})
              for count in some((7, 64, 16, 4, 10, 5, 3))]
    cases += [("file size", {resource.RLIMIT_FSIZE: size}) for size in some((100, 65536, 0))]
    programs = {
        "machine": [bin_folder / "machine"],
        "stream": [bin_folder / "stream_bandwidth", "--budget", "0.3",
                   "--benchmark_filter=/read/(L1|dram)/page:thp/threads:1/"],
        "dispatch": [bin_folder / "dispatch_overhead", "--budget", "0.3",
                     "--benchmark_filter=sync:(spin|futex)/threads:2/"],
    }
    for name, limits in cases:
        for program, argv in programs.items():
            out = folder / "limited.json"
            out.unlink(missing_ok=True)
            ended = house.run([*argv, "--out", out], house.environment(),
                              preexec=with_limits(limits))
            # The loader itself, before any line of ours, ends with 127 where libraries find no room.
            if ended.code == 127 and "error while loading shared libraries" in ended.err:
                continue
            where = f"{program}, {name} {list(limits.values())[0]}"
            found += [f"{where}: {problem}" for problem in ended_well(ended)]
            if ended.code == 0 and document_problem(out):
                found.append(f"{where}: {document_problem(out)}")
    return found


def processes_limit(bin_folder, folder):
    """RLIMIT_NPROC does not bind root, so a user without any process runs it."""
    if os.geteuid() != 0:
        raise Skip("root, to become another user")
    found = []
    shutil.chown(folder, NOBODY)
    house_folder = folder / "bin"
    program = house.fake_house(house_folder, bin_folder)
    for path in [folder, house_folder, *folder.parents]:
        if path.stat().st_mode & stat.S_IXOTH == 0 and path != pathlib.Path("/"):
            if str(path).startswith("/tmp/mb-"):
                path.chmod(0o755)
    probe = [bin_folder / "dispatch_overhead", "--budget", "0.3",
             "--benchmark_filter=sync:(spin|futex)/threads:2/"]
    if subprocess.run(["true"], preexec_fn=with_limits({}, NOBODY), check=False).returncode != 0 or \
            not os.access(probe[0], os.X_OK):
        raise Skip("a build folder that other users may read")
    for count in (1, 2, 3):
        out = folder / f"limited-{count}.json"
        for argv in ([*probe, "--out", out], [program, "run", "--budget", "2s", "--out",
                                              folder / f"run-{count}"]):
            try:
                ended = house.run(argv, house.environment({"TMPDIR": str(folder)}, path=False),
                                  preexec=with_limits({resource.RLIMIT_NPROC: count}, NOBODY))
            except PermissionError as error:
                raise Skip("a build folder that other users may read") from error
            found += [f"{argv[0].name}, {count} processes: {problem}"
                      for problem in ended_well(ended)]
    return found


def memory_group():
    """A memory cgroup of our own (v1 or v2) and the name of its limit file."""
    for parent, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                          ("/sys/fs/cgroup", "memory.max")):
        group = pathlib.Path(parent) / f"mb-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / limit).exists():
            return group, limit
        group.rmdir()
    raise Skip("a memory cgroup that may be made")


def in_group(group):
    def preexec():
        (group / "cgroup.procs").write_text(str(os.getpid()))
    return preexec


def leave_group(group):
    for _ in range(100):
        try:
            group.rmdir()
            return
        except OSError:
            time.sleep(0.05)


def killed_for_memory(bin_folder, folder):
    group, limit = memory_group()
    try:
        (group / limit).write_text(str(96 * MIB))
        program = house.fake_house(folder / "bin", bin_folder)
        env = house.environment({"TMPDIR": str(folder),
                                 "FAKE_PROBE": "stream_bandwidth=hungry"}, path=False)
        ended = house.run([program, "run", "--budget", "2s", "--out", folder / "run"], env,
                          preexec=in_group(group))
    finally:
        leave_group(group)
    found = ended_well(ended, {0, 7})
    document = house.load(folder / "run" / "results.json")
    if isinstance(document, str):
        return found + [document]
    reasons = [reason["code"] for step in document["steps"] if step["probe"] == "stream_bandwidth"
               for reason in step["verdict"]["reasons"]]
    if document["state"] != "complete" or "oom" not in reasons:
        found.append(f"state {document['state']}, reasons {reasons}")
    return found


def small_memory_group(bin_folder, folder):
    """Real probes where the group holds half and nine tenths of what they would plan."""
    found = []
    for share in (0.5, 0.9):
        group, limit = memory_group()
        try:
            (group / limit).write_text(str(int(share * 512 * MIB)))
            out = folder / "stream.json"
            ended = house.run([bin_folder / "stream_bandwidth", "--budget", "0.5", "--out", out,
                               "--benchmark_filter=/read/dram/.*threads:1/"],
                              house.environment(), preexec=in_group(group))
        finally:
            leave_group(group)
        found += [f"{share} of the plan: {problem}" for problem in ended_well(ended, {0, 3, 4, 7})]
        found += [problem for problem in [document_problem(out, ended.code == 0)] if problem]
    return found


def affinity_narrowed(bin_folder, folder):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise Skip("two CPUs")
    found = []
    for sync, operation in (("spin", "barrier"), ("futex", "barrier"), ("thread_create", "step")):
        out = folder / f"{sync}.json"

        def narrow(child):
            time.sleep(1.0)
            for _ in range(3):  # threads may still be coming
                for task in os.listdir(f"/proc/{child.pid}/task"):
                    try:
                        os.sched_setaffinity(int(task), {cpus[0]})
                    except OSError:
                        pass
                time.sleep(0.2)
        plan = folder / "plan.json"  # one point that lasts, so that the narrowing falls into it
        plan.write_text(json.dumps({"probe": "dispatch_overhead", "environment": {}, "points": [
            {"parameters": {"operation": operation, "sync": sync, "threads": 2}, "seconds": 3}]}))
        ended = house.run([bin_folder / "dispatch_overhead", "--plan", plan, "--out", out],
                          house.environment(), on_start=narrow)
        found += [f"{sync}: {problem}" for problem in ended_well(ended, {0, 4})]
        document = house.load(out)
        if isinstance(document, str):
            found.append(f"{sync}: {document}")
            continue
        reasons = {reason["code"] for point in document["points"]
                   for reason in point["verdict"]["reasons"]}
        if document["points"] and "affinity" not in reasons:
            found.append(f"{sync}: reasons {sorted(reasons)}")
        # What pins no thread has no failed pin, so the point itself is refused.
        if operation == "step" and not any("were changed" in each["cause"] for each in document["missing"]):
            found.append(f"{sync}: {[point['name'] for point in document['points']]} measured")
    return found


def output_places(bin_folder, folder):
    program = house.fake_house(folder / "bin", bin_folder)
    env = house.environment({"TMPDIR": str(folder)})
    run = [program, "run", "--budget", "2s", "--out"]
    found = []
    # Somebody's file stands where the page should go, and the disk is full.
    golden = pathlib.Path(__file__).resolve().parents[2] / "data/golden/render-small-results.json"
    full = folder / "full"
    full.mkdir()
    for name, argv in (
            ("report", [program, "report", golden, "--html", full / "page.html"]),
            ("run", [*run, full / "run"])):
        script = (f"mount -t tmpfs -o size=96k none {full}; echo old > {full}/page.html")
        ended = in_mounts(script + f'; "$@"; code=$?; grep -qx old {full}/page.html || exit 99; '
                          f'ls -A {full} {full}/run 2>/dev/null | grep "tmp$" && exit 98; exit $code',
                          argv, env)
        found += [f"full disk, {name}: {problem}" for problem in ended_well(ended, {1, 3})]
    # Streams that take nothing.
    for name, words in (("closed", ">&-"), ("full", "> /dev/full"), ("closed error", "2>&-")):
        ended = house.run(["sh", "-c", f'"$@" {words}', "sh", program, "report", golden], env)
        if ended.bad() or (name != "closed error" and ended.code != 1):
            found.append(f"{name} stream: {ended.bad() or ended.code}: {ended.err[-200:]}")
        ended = house.run(["sh", "-c", f'"$@" {words}', "sh", *run, folder / f"run {name}"], env)
        if ended.bad():
            found.append(f"{name} stream, run: {ended.bad()}: {ended.err[-200:]}")
        elif document_problem(folder / f"run {name}" / "results.json"):
            found.append(f"{name} stream, run: what was measured is lost")
    # Two runs into one folder at once: one does it, the other says why not.
    slow = dict(env, FAKE_NAP="100")
    first = subprocess.Popen([*run, folder / "two"], env=slow, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    for words in ([*run, folder / "two"], [program, "run", "--resume", folder / "two"]):
        ended = house.run(words, env)
        if ended.bad() or ended.code not in (1, 2):
            found.append(f"second run: {ended.bad() or ended.code}: {ended.err[-200:]}")
    if first.wait(timeout=house.HANG_SECONDS) not in (0, 7):
        found.append(f"first run, disturbed by a second: exit {first.returncode}")
    found += [problem for problem in [document_problem(folder / "two" / "results.json")] if problem]
    return found


def read_only_folder(bin_folder, folder):
    if os.geteuid() != 0:
        raise Skip("root, to become a user whom a mode stops")
    program = house.fake_house(folder / "bin", bin_folder)
    folder.chmod(0o755)
    closed = folder / "closed"
    closed.mkdir(mode=0o555)
    try:
        ended = house.run([program, "run", "--budget", "2s", "--out", closed],
                          house.environment(path=False), preexec=with_limits({}, NOBODY))
    except PermissionError as error:
        raise Skip("a build folder that other users may read") from error
    found = ended_well(ended, {1, 3})
    return found + (["something was written"] if os.listdir(closed) else [])


CASES = [shm_on_small_tmpfs, resource_limits, processes_limit, killed_for_memory,
         small_memory_group, affinity_narrowed, output_places, read_only_folder]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--only")
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    global EVERYTHING
    EVERYTHING = arguments.all
    failures, skipped = [], []
    for case in CASES:
        name = case.__name__
        if arguments.only not in (None, name):
            continue
        begin = time.monotonic()
        try:
            with house.temporary("mb-limit-") as folder:
                found = case(arguments.bin.resolve(), pathlib.Path(folder))
            failures += found
            print(f"{name:20} {'ok' if not found else f'{len(found)} problems'}, "
                  f"{time.monotonic() - begin:.1f} s", *found, sep="\n    ", flush=True)
        except Skip as need:
            skipped.append(name)
            print(f"{name:20} SKIPPED: needs {need}", flush=True)
    print(f"{len(failures)} problems; skipped: {', '.join(skipped) or 'none'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
