#!/usr/bin/env python3
"""Our bandwidth probes beside the field's tools, as a Markdown table.

A case is one operation on one working set with so many threads on one page kind. In every round each
case is measured by us and by each peer that has the operation, one right after the other, who goes
first changing from round to round; so a slow minute slows all. A ratio is ours / theirs of one round;
shown are the median over rounds, its range, and the interval that holds the median with at least 95 %
(order statistics). The best peer of a case is the one with the highest median. The bar: the median
ratio to the best peer is at least 0.98 and the interval reaches 1.00.

Like with like: bytes are those that the operation names (STREAM's rule) for all. likwid's stream_mem_*
is the streaming triad of 24 bytes an element. sysbench reads and writes words of 8 bytes and mbw calls
memcpy once a buffer: the only way they have. Peers get huge pages by glibc's malloc tunable, likwid-bench
by a preloaded posix_memalign (peers_huge_pages.c); the first round looks whether they have them. stress-ng
maps its own memory and is compared on 4 KiB pages. Everybody is pinned: ours by the probe, likwid by
itself, the others by taskset to as many CPUs as threads.
"""
import argparse
import functools
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
MIB = 1 << 20
BAR_MEDIAN, BAR_REACH = 0.98, 1.00


class Runner:
    """Runs a peer; in the watched round it also looks how much of its memory is on huge pages."""

    def __init__(self):
        self.watched = False
        self.huge_mib = {}  # by program

    def __call__(self, argv, environment=None):
        with tempfile.TemporaryFile("w+") as output:
            child = subprocess.Popen(argv, env={**os.environ, **(environment or {})}, stdout=output,
                                     stderr=subprocess.STDOUT)
            while self.watched and child.poll() is None:
                self.look(child.pid, argv)
                time.sleep(0.05)
            if child.wait() != 0:
                return ""
            output.seek(0)
            return output.read()

    def look(self, pid, argv):
        program = next(word for word in argv if word not in ("taskset", "-c") and not word[0].isdigit())
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:  # it has just ended
            return
        mib = (number(r"AnonHugePages:\s+(\d+)", text) or 0) / 1024
        self.huge_mib[program] = max(mib, self.huge_mib.get(program, 0))


run = Runner()


def number(pattern, text):
    found = re.search(pattern, text)
    return float(found.group(1)) if found else None


def is_vectors(feature):
    return feature in pathlib.Path("/proc/cpuinfo").read_text()


class Likwid:
    """likwid-bench, by as many passes as fill the time at our rate."""
    name = "likwid-bench"
    KERNELS = {"read": "load", "copy": "copy", "streaming_copy": "copy_mem", "write": "store",
               "streaming_write": "store_mem", "triad": "stream", "streaming_triad": "stream_mem"}

    def kernel(self, case):
        stem = self.KERNELS.get(case.operation)
        vectors = ("avx512" if is_vectors("avx512f") else "avx" if is_vectors("avx2") else
                   "sse" if is_vectors("sse2") else "")
        if not stem:
            return None
        names = [f"{stem}_{vectors}_fma", f"{stem}_{vectors}", stem]  # not every kernel is in every form
        return next((name for name in names if name in self.kernels()), None)

    @functools.cache
    def kernels(self):
        listed = run(["likwid-bench", "-a"])
        if " - " not in listed:
            sys.exit("compare_peers: likwid-bench -a lists no kernels")
        return {line.split(" - ")[0].strip() for line in listed.splitlines() if " - " in line}

    def can(self, case):
        return case.probe == "stream_bandwidth" and case.page == "thp" and self.kernel(case)

    def bytes_per_s(self, case, options):
        passes = max(3, int(options.seconds * case.last_rate / case.bytes))
        text = run(["likwid-bench", "-t", self.kernel(case), "-i", str(passes), "-w",
                    f"N:{case.bytes}B:{case.threads}"], {"LD_PRELOAD": str(options.huge_pages)})
        rate = number(r"MByte/s:\s+([\d.]+)", text)
        return rate and rate * 1e6


class Sysbench:
    name = "sysbench"

    def can(self, case):
        return (case.probe == "stream_bandwidth" and case.level == "dram" and case.page == "thp" and
                case.operation in ("read", "write"))

    def bytes_per_s(self, case, options):
        block = 1 << int(math.log2(case.bytes / case.threads))
        total = int(options.seconds * case.last_rate / 2)  # about half our rate is what it reaches
        text = run(["taskset", "-c", case.cpu_list(), "sysbench", "memory", f"--threads={case.threads}",
                    f"--memory-oper={case.operation}", "--memory-scope=local", "--time=0",
                    f"--memory-block-size={block}", f"--memory-total-size={max(total, 4 * block)}", "run"],
                   HUGE)
        rate = number(r"transferred \(([\d.]+) MiB/sec\)", text)
        return rate and rate * MIB


class Mbw:
    name = "mbw (memcpy)"

    def can(self, case):
        return case.operation == "streaming_copy" and case.threads == 1 and case.page == "thp"

    def bytes_per_s(self, case, options):
        each = max(1, case.bytes // 2 // MIB)
        times = max(3, int(options.seconds * case.last_rate / case.bytes))
        text = run(["taskset", "-c", case.cpu_list(), "mbw", "-q", "-t0", "-n", str(times), str(each)], HUGE)
        rate = number(r"AVG.*Copy: ([\d.]+) MiB/s", text)
        return rate and 2 * rate * MIB  # it counts what it copies, STREAM what is read and written


class StressNg:
    """memrate's best method; a run of it serves every case of its round."""
    name = "stress-ng memrate"

    def __init__(self):
        self.texts = {}

    def can(self, case):
        return case.page == "4k" and case.operation in ("read", "write")

    def bytes_per_s(self, case, options):
        key = (options.round, case.threads)
        if key not in self.texts:
            self.texts[key] = run(["taskset", "-c", case.cpu_list(), "stress-ng", "--memrate", str(case.threads),
                                   "--memrate-bytes", str(case.bytes // case.threads), "-t", "1",
                                   "--metrics"])
        rates = [float(rate) for rate, method in
                 re.findall(r"memrate\s+([\d.]+) (\w+) MB per sec", self.texts[key])
                 if method.startswith(case.operation) or (case.operation == "write" and method == "memset")]
        return case.threads * max(rates) * MIB if rates else None


class Fio:
    name = "fio"

    def can(self, case):
        return case.probe == "shm_bandwidth"

    def bytes_per_s(self, case, options):
        each = case.bytes // case.threads
        size = max(each, int(options.seconds * case.last_rate / case.threads))
        text = run(["fio", "--name=peer", "--directory=/dev/shm", "--rw=read", "--bs=1M",
                    "--ioengine=" + ("mmap" if case.path == "mmap" else "psync"), "--thread",
                    f"--numjobs={case.threads}", f"--cpus_allowed={case.cpu_list()}",
                    "--cpus_allowed_policy=split", f"--size={each}", f"--io_size={size}", "--unlink=1",
                    "--group_reporting", "--output-format=json"])
        start = text.find("{")
        if start < 0:
            return None
        return float(json.loads(text[start:])["jobs"][0]["read"]["bw_bytes"]) or None


PEERS = [Likwid(), Sysbench(), Mbw(), StressNg(), Fio()]


class Case:
    """One point of one of our probes; `bytes` and `last_rate` are known after our first run."""

    def __init__(self, name, probe, in_bar, parameters):
        self.name, self.probe, self.in_bar, self.parameters = name, probe, in_bar, parameters
        self.operation, self.threads = parameters["operation"], parameters["threads"]
        self.level, self.page = parameters.get("level"), parameters.get("page", "")
        self.path = parameters.get("path")
        self.bytes = self.last_rate = None

    def cpu_list(self):
        return ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0))[:self.threads])

    def peers(self):
        return [peer for peer in PEERS if peer.can(self)]


def all_cases(threads_list):
    cases = []
    for threads in threads_list:
        for operation in ("read", "write", "streaming_write", "streaming_copy", "streaming_triad"):
            for page in ("thp", "4k") if operation in ("read", "write") else ("thp",):
                cases.append(Case(f"{operation}/dram/page:{page}/threads:{threads}", "stream_bandwidth",
                                  operation != "write" and page == "thp",
                                  {"operation": operation, "level": "dram", "page": page,
                                   "threads": threads}))
        for level in ("L1", "L2", "L3"):
            for operation in ("read", "copy"):
                cases.append(Case(f"{operation}/{level}/threads:{threads}", "stream_bandwidth", True,
                                  {"operation": operation, "level": level, "page": "thp",
                                   "threads": threads}))
        for path in ("read", "mmap"):
            cases.append(Case(f"shm/{path}/threads:{threads}", "shm_bandwidth", False,
                              {"operation": "read", "path": path, "total_bytes": 128 * MIB,
                               "threads": threads}))
    return cases


def parameters_of(case):
    """The point itself; a cache level with the size that our first round found there."""
    if case.bytes is None or case.level in (None, "dram"):
        return case.parameters
    fixed = {**case.parameters, "working_set_bytes": case.bytes // case.threads}
    del fixed["level"]
    return fixed


def ours(case, options):
    """Bytes a second of our probe, or None with the reason on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        plan, out = pathlib.Path(folder, "plan.json"), pathlib.Path(folder, "out.json")
        plan.write_text(json.dumps({"probe": case.probe, "environment": {}, "points": [
            {"parameters": parameters_of(case), "seconds": options.seconds}]}))
        done = subprocess.run([str(options.build / "bin" / case.probe), "--plan", str(plan), "--out", str(out)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stderr)
        document = json.loads(out.read_text())
    if not document["points"]:
        print(f"{case.name}: {document['missing'][0]['cause']}", file=sys.stderr)
        return None
    point = document["points"][0]
    case.bytes = int(point["facts"]["working_set_bytes"])
    case.last_rate = point["summary"]["median"]
    return case.last_rate


def one_round(cases, options, samples):
    for case in cases:
        turns = [(peer.name, lambda peer=peer: peer.bytes_per_s(case, options)) for peer in case.peers()]
        first = options.round % 2 and case.bytes is not None  # they need our size once
        turns.insert(len(turns) if first else 0, ("ours", lambda: ours(case, options)))
        rates = {}
        for name, turn in turns:
            rates[name] = turn()
            if case.bytes is None:
                break  # not to be had here
        samples.append({"round": options.round, "case": case.name, "rates": rates})


def interval(values):
    """Order statistics that hold the median with at least 95 %; of few values the whole range."""
    values, n = sorted(values), len(values)
    cut = 0
    while 2 * sum(math.comb(n, i) for i in range(cut + 2)) / 2 ** n <= 0.05:
        cut += 1
    return values[cut], values[n - 1 - cut]


def row(case, samples):
    rounds = [sample["rates"] for sample in samples if sample["case"] == case.name]
    names = [peer.name for peer in case.peers()]
    rates = {name: [r[name] for r in rounds if r.get(name) and r.get("ours")] for name in names}
    rates = {name: values for name, values in rates.items() if values}
    if not rates:
        return None
    best = max(rates, key=lambda name: statistics.median(rates[name]))
    ratios = [r["ours"] / r[best] for r in rounds if r.get(best) and r.get("ours")]
    low, high = interval(ratios)
    median = statistics.median(ratios)
    holds = median >= BAR_MEDIAN and high >= BAR_REACH
    verdict = ("holds" if holds else "**below**") if case.in_bar else ""
    mine = statistics.median(r["ours"] for r in rounds if r.get("ours"))
    others = ", ".join(f"{name} {statistics.median(values) / 1e9:.1f}"
                       for name, values in sorted(rates.items()))
    return (f"| {case.name} | {mine / 1e9:.1f} | {others} | {median:.3f} | {min(ratios):.2f}-{max(ratios):.2f}"
            f" | {low:.3f}-{high:.3f} | {len(ratios)} | {verdict} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                     epilog="example: compare_peers.sh --rounds 9 --only 'L1|L2'")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--rounds", type=int, default=9, help="at least 7 for a verdict (default 9)")
    parser.add_argument("--seconds", type=float, default=0.3, help="of one measurement (default 0.3)")
    parser.add_argument("--only", default="", help="regular expression of case names")
    parser.add_argument("--samples", type=pathlib.Path, help="keeps every sample; joined by later runs")
    parser.add_argument("--list", action="store_true", help="names of the cases")
    options = parser.parse_args()
    usable = len(os.sched_getaffinity(0))
    cases = [case for case in all_cases(sorted({1, usable})) if re.search(options.only, case.name)]
    if not cases:
        parser.error(f"--only {options.only}: no case has such a name; --list shows them")
    if options.list:
        print("\n".join(case.name for case in cases))
        return
    if not (options.build / "bin" / "stream_bandwidth").exists():
        parser.error(f"{options.build}/bin/stream_bandwidth is missing; cmake --preset release && "
                     "cmake --build --preset release")
    folder = tempfile.TemporaryDirectory()
    options.huge_pages = pathlib.Path(folder.name, "huge_pages.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", options.huge_pages,
                    pathlib.Path(__file__).with_name("peers_huge_pages.c")], check=True)
    samples = []
    if options.samples and options.samples.exists():
        samples = json.loads(options.samples.read_text())
    for options.round in range(options.rounds):
        run.watched = options.round == 0
        one_round(cases, options, samples)
        if options.samples:
            options.samples.write_text(json.dumps(samples, indent=1))
    print("| case | ours, GB/s | peers, GB/s | ours / best | range | 95 % of the median | rounds | bar |")
    print("|---|--:|---|--:|--:|--:|--:|---|")
    measured = {sample["case"] for sample in samples}
    for case in all_cases(sorted({1, usable})):
        line = row(case, samples) if case.name in measured else None
        if line:
            print(line)
    print("\nHuge pages seen in the first round, MiB: " +
          ", ".join(f"{name} {mib:.0f}" for name, mib in sorted(run.huge_mib.items())))


if __name__ == "__main__":
    main()
