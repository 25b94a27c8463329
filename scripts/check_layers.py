#!/usr/bin/env python3
"""Checks that every #include obeys the house's layers (ARCHITECTURE.md, "Who may include whom").

A room may include itself, the rooms listed for it (with all that lies below documents' error type),
the standard library, fmt, and the third-party headers listed for it. Some third-party headers may
stand in one file only. Exit 1 with one line for each include that breaks a rule.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Room -> (rooms it may include, third-party include prefixes). Longest matching folder wins.
ROOMS = {
    "data/documents": ([], ["nlohmann/"]),
    "data/system": ([], ["nlohmann/"]),
    "data/plan": (["data/documents"], ["nlohmann/"]),
    "workloads/kernels": ([], ["hwy/", "immintrin.h", "arm_neon.h"]),
    "workloads/shapes": (["data/documents", "embedded"], ["nlohmann/"]),
    "workloads": (["workloads/kernels", "workloads/shapes"], ["dnnl", "blis.h", "cblas.h", "omp.h", "oneapi/"]),
    "probes/core": (["data/documents", "data/system", "data/plan", "workloads/team.h",
                     "build_info.h"],
                    ["hwloc.h", "papi.h", "benchmark/", "boost/program_options", "omp.h",
                     "immintrin.h", "netinet/", "arpa/"]),
    "probes/campaign": (["data/documents", "data/system", "data/plan"], ["nlohmann/"]),
    "probes/sweep": (["data/documents", "data/system", "data/plan", "probes/core"], ["nlohmann/"]),
    "probes": (["data/documents", "data/system", "data/plan", "probes/core", "workloads",
                "workloads/kernels", "workloads/shapes"], ["benchmark/", "boost/program_options"]),
    "probes/likeness": (["data/documents", "data/plan", "probes/core", "probes/profile_step.h",
                         "workloads", "workloads/kernels", "workloads/shapes"], ["nlohmann/"]),
    "reports/model": (["data/documents", "data/system", "data/plan", "workloads/shapes",
                       "embedded"], ["Eigen/", "nlohmann/"]),
    "reports/advice": (["data/documents", "data/system", "data/plan", "workloads/shapes",
                        "reports/model", "reports/advice/engines"], []),
    "reports/advice/engines": (["data/documents", "data/plan", "workloads/shapes", "reports/model",
                                "reports/advice", "embedded"], ["nlohmann/"]),
    "reports/render": (["data/documents", "data/system", "data/plan", "workloads/shapes",
                        "reports/model", "reports/advice", "reports/advice/engines", "embedded"],
                       ["nlohmann/"]),
    "reports/cli": (["data/documents", "data/system", "data/plan", "workloads/shapes",
                     "reports/model", "reports/advice", "reports/render", "probes/campaign",
                     "probes/sweep", "probes/core/shm_log.h", "probes/core/build_facts.h",
                     "workloads/kernels/isa.h", "build_info.h"],
                    ["boost/program_options", "nlohmann/"]),
}
# Headers that stand in one file of the product only: the rest of the house must not know them.
SINGLE = {"hwloc.h", "papi.h", "dnnl.hpp", "blis.h", "cblas.h", "oneapi/dnnl/dnnl.hpp"}
# What sockets need, and the one file that may use them (SECURITY.md promises it).
NETWORK = re.compile(r"^(sys/(socket|un)\.h|net/|netinet/|arpa/|netdb\.h|ifaddrs\.h)")
NETWORK_FILE = "probes/core/http.cc"
SYSTEM = re.compile(r"^(sys/|linux/|[a-z_0-9]+$|(asm|cpuid|dirent|errno|fcntl|poll|pthread|sched|signal"
                    r"|spawn|strings|unistd|x86intrin)\.h$)")
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]')


def room_of(path):
    matches = [room for room in ROOMS if path.startswith(room + "/")]
    return max(matches, key=len) if matches else None


def allowed(room, header):
    rooms, third_party = ROOMS[room]
    if header == "data/error.h" or header in rooms:
        return True
    target = room_of(header)
    if target is not None:
        return target == room or target in rooms
    if header.startswith("embedded/"):
        return "embedded" in rooms
    return (header.startswith("fmt/") or SYSTEM.match(header) is not None
            or any(header.startswith(prefix) for prefix in third_party))


def check(root):
    problems, single = [], {}
    for room in ROOMS:
        for path in sorted((root / room).glob("*")):
            if path.suffix not in (".cc", ".h"):
                continue
            name = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                header = match.group(1)
                if header in SINGLE:
                    single.setdefault(header, set()).add(name)
                if NETWORK.match(header) and name != NETWORK_FILE:
                    problems.append(f"{name}:{number}: {header} stands in {NETWORK_FILE} only")
                elif not allowed(room, header):
                    problems.append(f"{name}:{number}: {room} may not include {header}")
    for header, files in single.items():
        if len(files) > 1:
            problems.append(f"{header} is included by {', '.join(sorted(files))}: one file only")
    return problems


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    print("\n".join(found) if found else "layers: every include obeys the table")
    sys.exit(1 if found else 0)
