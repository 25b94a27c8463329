#!/usr/bin/env python3
"""Judges what an emulated machine printed and wrote: emulated_machines_check.py MACHINE LOG FOLDER.

Called by scripts/emulated_machines.sh, which boots the machines and knows their shapes by the same names.
Structure, placement, plan, counters and words must be right; no time is judged. Every requirement that
does not hold is one line; exit code 1 when there is any, 2 for a machine that is not known.
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "data" / "schema"))
from validate import faults  # noqa: E402

TOLERANCE = 0.01  # of a known loop, as probes/core/counter_truth.cc


class Verdict:
    def __init__(self, name, log, folder):
        self.name, self.log, self.folder = name, log, folder
        self.held, self.failed = 0, 0

    def must(self, holds, words):
        if holds:
            self.held += 1
        else:
            self.failed += 1
            print(f"{self.name}: does not hold: {words}")

    def says(self, *texts):
        for text in texts:
            self.must(text in self.log, f"it prints '{text}'")

    def document(self, path):
        try:
            return json.loads((self.folder / path).read_text())
        except (OSError, ValueError) as error:
            self.must(False, f"{path} can be read ({error})")
            return None


# ---- counters

def truth_rows(verdict, path):
    document = verdict.document(path) or {"events": []}
    rows = document if isinstance(document, list) else document.get("events", document.get("counter_truth", []))
    return {row["event"]: row for row in rows}


def near(row):
    return row["expected"] and abs(row["counted"] - row["expected"]) <= TOLERANCE * row["expected"]


def check_counters(verdict):
    """A PMU that counts cycles and instructions and nothing else; at first it is forbidden to count."""
    strict, open_ = truth_rows(verdict, "strict.json"), truth_rows(verdict, "truth.json")
    verdict.must(len(strict) >= 20 and set(strict) == set(open_), "both tables have a row an event")
    for event, row in strict.items():
        verdict.must(row["state"] == "unavailable", f"{event} is unavailable at level 3")
        verdict.must("kernel.perf_event_paranoid is 3" in row["cause"], f"{event} names the level")
        verdict.must("sysctl kernel.perf_event_paranoid=2" in row["remedy"], f"{event} says what to do")
    state = {event: row["state"] for event, row in open_.items()}
    instructions = open_.get("PAPI_TOT_INS", {"expected": 0})
    verdict.must(state.get("PAPI_TOT_INS") == "counts" and near(instructions),
                 "instructions of the known loop are read back within 1 %")
    cycles = open_.get("PAPI_TOT_CYC", {})
    # With -icount shift=0 every instruction takes one emulated nanosecond, at one cycle each.
    verdict.must(state.get("PAPI_TOT_CYC") == "plausible" and
                 abs(cycles["counted"] - instructions["expected"]) <= TOLERANCE * instructions["expected"],
                 "cycles are one an instruction, as this emulation has it")
    for event in ("PAPI_L1_DCM", "PAPI_L2_DCM", "PAPI_L3_TCM", "PAPI_BR_INS", "PAPI_TLB_DM"):
        verdict.must(state.get(event) == "unavailable", f"{event} is unavailable")
        verdict.must("no such event" in open_.get(event, {}).get("cause", ""), f"{event} says why")
    for event in ("perf::PAGE-FAULTS", "perf::TASK-CLOCK"):
        verdict.must(state.get(event) == "counts" and near(open_[event]), f"{event} counts")
    verdict.says("PROBE-EXIT 0", "hardware counters count", "1 CPU on 1 core", "Neoverse N1")
    points = (verdict.document("points.json") or {"points": []})["points"]
    verdict.must(points, "the probe wrote points")
    for point in points:
        values = point["counters"]["values"]
        wanted = {"PAPI_TOT_INS", "PAPI_TOT_CYC"}
        verdict.must(wanted <= set(values), f"{point['name']} has instructions and cycles")
        verdict.must(not any("DCM" in event or "TCM" in event for event in values),
                     f"{point['name']} has no cache misses")
        if wanted <= set(values):
            ratio = values["PAPI_TOT_INS"] / values["PAPI_TOT_CYC"]
            verdict.must(0.9 < ratio < 1.1, f"{point['name']}: {ratio:.3f} instructions a cycle")
            verdict.must(abs(values.get("instructions_per_cycle", ratio) - ratio) < 1e-3,
                         f"{point['name']} derives instructions per cycle")


# ---- the main job

class Shape:
    """What qemu was told; nodes[i] are the CPUs of node i, cores are lists of siblings."""

    def __init__(self, isa, cores, nodes, packages, hypervisor):
        self.isa, self.cores, self.nodes = isa, cores, nodes
        self.packages, self.hypervisor = packages, hypervisor
        self.cpus = sorted(cpu for core in cores for cpu in core)

    def core_of(self, cpu):
        return next(i for i, core in enumerate(self.cores) if cpu in core)

    def node_of(self, cpu):
        return next(i for i, node in enumerate(self.nodes) if cpu in node)


PROBES = ("stream_bandwidth", "matmul_throughput", "attention_kv", "dispatch_overhead", "decode_scaling",
          "prefill_scaling", "core_to_core", "cache_latency")


def pairs(count):
    return [[2 * i, 2 * i + 1] for i in range(count)]


SHAPES = {
    "arm-sockets": Shape("aarch64", [[i] for i in range(4)], [[0, 1], [2, 3]], 2, "unknown hypervisor"),
    "arm-smt": Shape("aarch64", pairs(2), [[0, 1, 2, 3]], 1, "unknown hypervisor"),
    "x86": Shape("x86_64", pairs(4), [[0, 1, 2, 3], [4, 5, 6, 7]], 2, "QEMU TCG"),
    # The same machine, as a processor model without the leaves that tell shows it.
    "x86-hidden": Shape("x86_64", [[i] for i in range(8)], [[0, 1, 2, 3], [4, 5, 6, 7]], 2, "QEMU TCG"),
}


def check_structure(verdict, machine, shape):
    pus = machine["pus"]
    cores = {}
    nodes = {}
    for pu in pus:
        cores.setdefault((pu["package"], pu["core"]), []).append(pu["os_index"])
        nodes.setdefault(pu["numa_node"], []).append(pu["os_index"])
    verdict.must(machine["isa"] == shape.isa, f"the instruction set is {shape.isa}")
    verdict.must(sorted(map(sorted, cores.values())) == shape.cores, f"cores are {shape.cores}, found {cores}")
    verdict.must(sorted(map(sorted, nodes.values())) == shape.nodes, f"nodes are {shape.nodes}, found {nodes}")
    packages = len({pu["package"] for pu in pus})
    verdict.must(packages == shape.packages, f"{shape.packages} packages, found {packages}")
    verdict.must(all(pu["usable"] for pu in pus), "every CPU may be used")
    verdict.must(machine["hypervisor"] == shape.hypervisor,
                 f"the hypervisor is {shape.hypervisor}, found {machine['hypervisor']}")
    limits = machine["limits"]
    verdict.must(limits["effective_cpus"] == len(shape.cpus) and limits["limited_by"] == "installed",
                 f"the CPU budget is {len(shape.cpus)}")
    verdict.must(not machine["pmu_counts"], "no hardware counter counts")


def check_list(verdict, what, cpus, threads, shape, inferred):
    """As spread: a thread a core before a second on any, cores dealt evenly over the nodes. Where timing
    surely showed another arrangement than the system's (an emulated CPU is a thread of the host, which may
    be anywhere), the advice follows that, and only that each thread has a CPU can be said."""
    verdict.must(cpus is not None and len(set(cpus)) == threads and set(cpus) <= set(shape.cpus),
                 f"{what}: {threads} threads have a CPU each: {cpus}")
    if not cpus or inferred:
        return
    per_core = [sum(shape.core_of(cpu) == i for cpu in cpus) for i in range(len(shape.cores))]
    verdict.must(max(per_core) - min(per_core) <= 1, f"{what}: cores are filled evenly: {cpus}")
    per_node = [sum(shape.node_of(cpu) == i for cpu in cpus) for i in range(len(shape.nodes))]
    verdict.must(max(per_node) - min(per_node) <= 1, f"{what}: nodes are filled evenly: {cpus}")


def check_probes(verdict, shape):
    """What two probes measure alone: teams of every size that matters, each node from each, and threads a core."""
    points = (verdict.document("stream.json") or {"points": []})["points"]
    counts = {point["parameters"]["threads"] for point in points}
    for threads in {1, len(shape.cores), len(shape.cpus)}:
        verdict.must(threads in counts, f"DRAM reads are measured with {threads} threads, were with {counts}")
    verdict.must(max(counts, default=0) <= len(shape.cpus), f"no team is larger than the machine: {counts}")
    routes = {(axes["cpu_node"], axes["memory_node"]) for axes in (point["parameters"] for point in points)
              if "cpu_node" in axes}
    nodes = range(len(shape.nodes))
    wanted = {(a, b) for a in nodes for b in nodes} if len(shape.nodes) > 1 else set()
    verdict.must(routes == wanted, f"each node reads each where there are several: {routes}")
    for point in points:
        if not point["counters"]["values"]:
            verdict.must(point["counters"]["unavailable_cause"] != "", f"{point['name']} says why it has no counters")

    if len(shape.cores) == len(shape.cpus):
        verdict.says("no hardware threads to compare here")
        return
    smt = (verdict.document("smt.json") or {"points": []})["points"]
    found = {(axes["cores"], axes["threads_per_core"]) for axes in (point["parameters"] for point in smt)}
    verdict.must({(len(shape.cores), 1), (len(shape.cores), 2)} <= found,
                 f"all cores are compared with one and with two threads each: {found}")
    for point in smt:
        axes = point["parameters"]
        verdict.must(axes["threads"] == axes["cores"] * axes["threads_per_core"] and
                     axes["cores"] <= len(shape.cores), f"{point['name']} fits the machine")


def check_advice(verdict, advice, shape):
    inferred = any("system claims" in finding["title"] or "look like cores" in finding["title"]
                   for finding in advice["findings"] if finding["severity"] == "warning")
    for model in advice["models"]:
        verdict.must(model["fits"], f"{model['model']} fits")
        for phase in ("prefill", "decode"):
            made = model[phase]
            verdict.must(1 <= made["threads"] <= len(shape.cpus), f"{phase}: {made['threads']} threads")
            check_list(verdict, phase, made["cpu_list"], made["threads"], shape, inferred)
            verdict.must(made["confidence"] in ("low", "medium", "high"), f"{phase} has a confidence")
            verdict.must(made["reason"] != "", f"{phase} has a reason")
    titles = [finding["title"] for finding in advice["findings"]]
    numa = "Memory lies on several NUMA nodes" in titles
    verdict.must(numa == (len(shape.nodes) > 1), f"nodes are spoken of where there are several: {titles}")
    verdict.must("Hardware counters do not count here" in titles, "it says that no counter counts")
    emulated = "This processor is emulated in software" in titles
    verdict.must(emulated == (shape.hypervisor == "QEMU TCG"), f"emulation is spoken of where it shows: {titles}")


def check_documents(verdict, run):
    """Both documents of a run that ended well or as untrustworthy, valid, or nothing."""
    found = re.search(rf"^{run.upper()}-EXIT (\d+)$", verdict.log, re.M)
    verdict.must(found and found[1] in ("0", "7"), f"{run} ends well or as untrustworthy: {found and found[1]}")
    results, advice = verdict.document(f"{run}/results.json"), verdict.document(f"{run}/recommendation.json")
    if results is None or advice is None:
        return None, None
    for kind, document in (("results", results), ("recommendation", advice)):
        verdict.must(not faults(kind, document), f"{run}: {kind}.json is valid: {faults(kind, document)[:3]}")
    verdict.must(results["state"] == "complete", f"{run}: the campaign is complete: {results['state']}")
    page = (verdict.folder / run / "report.html").read_text()
    verdict.must(page.rstrip().endswith("</html>"), f"{run}: report.html is whole")
    return results, advice


def check_quick(verdict, shape):
    """It ends in time; what it left out for time is told, and what it advises fits the machine."""
    results, advice = check_documents(verdict, "quick")
    if results is None:
        return
    measured = {point["probe"] for point in results["points"]}
    told = " ".join(entry["what"] for entry in results["missing"])
    for probe in PROBES:
        verdict.must(probe in measured or probe in told, f"quick: {probe} is measured or named as left out")
    seconds = sum(step["seconds"] for step in results["steps"])
    verdict.must(seconds <= 20, f"quick: the steps took {seconds:.1f} s of its ten")
    check_structure(verdict, results["machine"], shape)
    if advice["models"]:
        check_advice(verdict, advice, shape)
    else:
        verdict.must(re.search("memory_benchmark: no usable .* measure again", verdict.log),
                     "quick: without advice it says what is missing")


TEAM_PROBES = {"decode_scaling": (1, 2, 3, 4), "prefill_scaling": (1, 2, 3, 4), "attention_kv": (1, 2, 3, 4),
               "smt_interference": (2, 4)}


def check_team_counters(verdict, point):
    """Each thread counts for itself, one cycle an instruction, and the point has their sums."""
    name, counters, threads = point["name"], point["counters"], point["parameters"]["threads"]
    own = counters["per_thread"]
    verdict.must(len(own) == threads, f"{name}: {len(own)} threads count for themselves")
    for event in ("PAPI_TOT_INS", "PAPI_TOT_CYC", "perf::TASK-CLOCK"):
        each = [thread.get(event, 0) for thread in own]
        verdict.must(min(each, default=0) > 0, f"{name}: every thread counts {event}: {each}")
        verdict.must(sum(each) == counters["values"].get(event), f"{name}: {event} is the sum of its threads")
    verdict.must(counters["multiplex_share"] == 1, f"{name}: the counters were on all the time")
    ratio = counters["derived"].get("instructions_per_cycle", 0)
    verdict.must(0.99 < ratio < 1.01, f"{name}: derives {ratio:.3f} instructions a cycle")
    if "bytes" in counters:
        derived = counters["derived"].get("bytes_per_cycle", 0)
        expected = counters["bytes"] / counters["values"]["PAPI_TOT_CYC"]
        verdict.must(abs(derived - expected) <= 1e-9 * expected, f"{name}: derives {derived} bytes a cycle")


def check_team(verdict):
    """Decode, prefill, attention and both uses of hardware threads, with what every thread counted."""
    for probe, teams in TEAM_PROBES.items():
        ended = re.search(rf"{probe}-EXIT (\d+)", verdict.log)
        verdict.must(ended and ended.group(1) == "0", f"{probe} ends well: {ended and ended.group(1)}")
        points = [point for point in (verdict.document(f"{probe}.json") or {"points": []})["points"]
                  if point["verdict"]["validity"] in ("valid", "noisy")]
        found = tuple(sorted({point["parameters"]["threads"] for point in points}))
        verdict.must(found == teams, f"{probe}: measured with {teams} threads, were {found}")
        for point in points:
            check_team_counters(verdict, point)
        one = next((point["counters"] for point in points
                    if point["parameters"]["threads"] == 1 and "bytes" in point["counters"]), None)
        if one is not None:  # a q4_0 block: 18 bytes, at least 2 and surely less than 100 instructions a row
            per_byte = one["values"]["PAPI_TOT_INS"] / one["bytes"]
            rows = 8 if probe == "prefill_scaling" else 1
            verdict.must(rows * 2 / 18 < per_byte < rows * 100 / 18,
                         f"{probe}: {per_byte:.2f} instructions a byte of weights with one thread")


def check_run(verdict):
    shape = SHAPES[verdict.name]
    verdict.says(f"CPU budget: {len(shape.cpus)} of {len(shape.cpus)} CPUs usable (no limit)")
    smt = "two hardware threads a core" if len(shape.cores) < len(shape.cpus) else "none visible"
    verdict.says(smt, "no hardware counter counts")
    ended = re.search(r"STREAM-EXIT (\d+)", verdict.log)  # 7: measured, but on an emulation not to be trusted
    verdict.must(ended and ended.group(1) in ("0", "7"), "the node matrix was measured to its end")
    check_quick(verdict, shape)
    check_probes(verdict, shape)


# ---- control groups

def check_group(verdict, name, limit, exit_code, peak, kills):
    verdict.must(exit_code in (0, 3, 7), f"{name}: the run ends by a typed result, not {exit_code}")
    verdict.must(kills == 0, f"{name}: nothing was killed for memory")
    verdict.must(limit is None or peak <= limit, f"{name}: {peak} bytes at most, {limit} allowed")
    results, advice = verdict.document(f"{name}/results.json"), verdict.document(f"{name}/recommendation.json")
    if results is None or advice is None:
        return
    for kind, document in (("results", results), ("recommendation", advice)):
        verdict.must(not faults(kind, document), f"{name}: {kind}.json is valid: {faults(kind, document)[:3]}")
    limits = results["machine"]["limits"]
    seen = limits["memory_limit_bytes"]
    verdict.must((seen is None) == (limit is None), f"{name}: the memory limit is seen: {seen}")
    if limit is not None:
        verdict.must(seen <= limit and limits["memory_budget_bytes"] <= limit,
                     f"{name}: the plan keeps within {limit}: {limits['memory_budget_bytes']}")
    for point in results["points"]:
        verdict.must(point["verdict"]["validity"] in ("valid", "noisy") or point["verdict"]["reasons"],
                     f"{name}: {point['name']} says why it is refused")
    budget = 1 if name == "quota" else 2
    verdict.must(limits["effective_cpus"] == budget, f"{name}: the CPU budget is {budget}")
    verdict.must((limits["limited_by"] == "quota") == (name == "quota"), f"{name}: limited by {limits['limited_by']}")
    threads = {point["parameters"].get("threads", 1) for point in results["points"]
               if point["probe"] in ("decode_scaling", "stream_bandwidth")}
    verdict.must(threads and max(threads) <= budget, f"{name}: teams within the budget: {threads}")
    for model in advice["models"]:
        for phase in ("prefill", "decode"):
            if not model["fits"]:
                continue
            verdict.must(model[phase]["threads"] <= budget, f"{name}: {phase} is advised within the budget")
            has_list = model[phase]["cpu_list"] is not None
            verdict.must(has_list == (name != "quota"), f"{name}: {phase} has a CPU list without a quota only")
    titles = [finding["title"] for finding in advice["findings"]]
    verdict.must(("The CPU quota is smaller than the machine looks" in titles) == (name == "quota"),
                 f"{name}: the quota is spoken of: {titles}")


def check_groups(verdict):
    found = re.findall(r"^GROUP (\w+) EXIT (\d+) MAX (\w+) PEAK (\d+) oom_kill (\d+)$", verdict.log, re.M)
    verdict.must([group[0] for group in found] == ["free", "half", "quota"], f"three runs end: {found}")
    for name, exit_code, limit, peak, kills in found:
        check_group(verdict, name, None if limit == "max" else int(limit), int(exit_code), int(peak), int(kills))


# ---- a CPU that goes away

def check_offline(verdict):
    """A team that lost a CPU ends in time, and what it measured is refused for that."""
    for sync in ("spin", "futex", "openmp"):
        verdict.says(f"OFFLINE {sync} LEFT 0\n", f"OFFLINE {sync} EXIT 0\n")
        document = verdict.document(f"{sync}.json") or {"points": []}
        verdict.must(len(document["points"]) == 1, f"{sync}: the point was measured")
        for point in document["points"]:
            judged = point["verdict"]
            reasons = {reason["code"] for reason in judged["reasons"]}
            verdict.must(judged["validity"] == "invalid" and "affinity" in reasons,
                         f"{sync}: {judged['validity']}, {sorted(reasons)}")


def main(arguments):
    checks = {"arm-counters": check_counters, "arm-team": check_team, "x86-cgroup": check_groups, "x86-offline": check_offline,
              **{name: check_run for name in SHAPES}}
    if len(arguments) != 3 or arguments[0] not in checks:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    name, log, folder = arguments
    verdict = Verdict(name, pathlib.Path(log).read_text(errors="replace"), pathlib.Path(folder))
    checks[name](verdict)
    print(f"{name}: {verdict.held} requirements hold, {verdict.failed} do not")
    return 1 if verdict.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
