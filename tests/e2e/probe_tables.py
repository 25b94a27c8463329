#!/usr/bin/env python3
"""probe_tables.py BIN [--print]: a table of command lines for every probe in BIN, run row by row.

The rows are made from what the probe says of itself: `memory_benchmark probe --list` names the
probes, `--help` names the flags and what each takes (FILE, TIME or nothing), and each kind of flag
has its wrong values. A row is arguments, exit code and text. No row measures: what would, is wrong in
a way that must be refused before. --print shows the rows of one probe after the other.
"""
import concurrent.futures
import json
import pathlib
import re
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
import house  # noqa: E402

LEAST_ROWS = 15
MOST_LINES = 3  # of an error: ours, and one that a library adds
WITHOUT_POINTS = ("machine", "counters")  # they have nothing to list or to filter
WRONG_TIMES = ["soon", "-1", "0", "nan", "inf", "1e9", "5 parsecs", ""]
# It has hardware threads and two of everything, so that every probe has points, wherever this runs.
MACHINE = pathlib.Path(__file__).resolve().parents[2] / "data/topologies/dual-socket-smt.machine.json"


class Row:
    def __init__(self, arguments, code, error="", out=None):
        self.arguments, self.code, self.error, self.out = arguments, code, error, out

    def __str__(self):
        return " ".join(repr(word) for word in self.arguments)


def flags_of(help_text):
    """{flag: value name or ''} of the lines that begin with a flag."""
    return dict(re.findall(r"^  --([a-z-]+)(?: (?:arg|([A-Z]+)))?(?:  |$)", help_text, re.MULTILINE))


def misspelt(flag):
    return [flag[:-1], flag.capitalize(), flag[1] + flag[0] + flag[2:]]


def rows_of_flag(flag, takes, files):
    """What no program may take for this flag, whatever it is for."""
    given, value = f"--{flag}", "1" if takes == "TIME" else str(files / "new.json")
    for wrong in misspelt(flag):
        yield Row([f"--{wrong}"], 2, f"--{wrong}")
    if not takes:
        yield Row([f"{given}=x"], 2, given)
        return
    yield Row([given], 2, given)
    yield Row([f"{given}="], 2, given)
    yield Row([given, value, given, value], 2, given)
    yield Row([given, ""], 2, given)
    if takes == "TIME":
        for wrong in WRONG_TIMES:
            yield Row([given, wrong], 2, f"{given}: '{wrong}'")


def rows_of_output(files):
    for wrong in (files, files / "none" / "out.json", files / "empty.json" / "out.json"):
        yield Row(["--out", str(wrong)], 1, f"{wrong}: cannot ")


def rows_of_input(flag, files):
    for name in ("none.json", "empty.json", "torn.json", "other.json", "binary.json"):
        yield Row([f"--{flag}", str(files / name)], 1, str(files / name))
    yield Row([f"--{flag}", str(files)], 1, str(files))
    yield Row([f"--{flag}", str(files / "a\nb.json")], 1, "a?b.json: cannot open")


# Of Google Benchmark's flags: those that it would take wrongly are refused whatever the probe.
CLOSED = [("format", "xml"), ("out_format", "xml"), ("time_unit", "years"), ("color", "perhaps"),
          ("list_tests", "perhaps"), ("repetitions", "0"), ("repetitions", "-1"),
          ("repetitions", "x"), ("repetitions", "99999999999"), ("repetitions", ""),
          ("format", ""), ("out_format", ""), ("time_unit", ""), ("color", ""), ("list_tests", "")]
OPEN = ["bogus=1", "filtr=x", "filter", "min_time=x", "min_warmup_time=x", "context=x"]


def rows_of_benchmark(name, files):
    for flag, value in CLOSED:
        yield Row([f"--benchmark_{flag}={value}"], 2, f"--benchmark_{flag}")
    listing = "--benchmark_list_tests"
    if name in WITHOUT_POINTS:
        yield Row([listing], 0, out="")
        yield Row([f"{listing}=true", "--benchmark_filter=nothing"], 0, out="")
        return
    for wrong in OPEN:
        yield Row([f"--benchmark_{wrong}"], 2, f"--benchmark_{wrong}")
    there = ["--machine", str(MACHINE)]
    for matches_nothing in ("nothing", "-.", "(", "[z-a]"):
        wrong = f"--benchmark_filter={matches_nothing}"
        yield Row([*there, wrong], 2, wrong)
    yield Row([*there, "--benchmark_filter=nothing", listing], 2, "nothing")
    yield Row([*there, "--benchmark_filter=.", "--benchmark_filter=nothing"], 2, "nothing")
    yield Row([*there, f"--benchmark_out={files}/none/x"], 1, f"{files}/none/x")
    yield Row([*there, listing], 0, out=f"{name}/")
    yield Row([*there, listing, f"--benchmark_filter={name}/"], 0, out=f"{name}/")


def rows_of_plans(name, files):
    other = files / ("clock.plan" if name != "clock" else "machine.plan")
    own = files / f"{name}.plan"
    yield Row(["--plan", str(other)], 2, f"this is '{name}'")
    yield Row(["--plan", str(own), "--budget", "3"], 2, "--budget has no effect beside --plan")
    yield Row(["--plan", str(own), "--sustain", "3"], 2, "--sustain has no effect beside --plan")
    yield Row(["--plan", str(own), "--out", str(files / "none" / "x")], 1, "none/x: cannot ")


def rows_of(name, help_text, files):
    flags = flags_of(help_text)
    yield Row(["--help"], 0, out=f"Usage: {name} ")
    yield Row(["--describe"], 0, out=f"{name}: ")
    for wrong in ("--version", "--bogus", "--bogus=3", "stray", "-", "-h", "-x", "/", "--a\nb\x1b[31m"):
        yield Row([wrong], 2, re.sub(r"[\x00-\x1f]", "?", wrong))
    yield Row([""], 2, "''")
    yield Row(["--help", "stray"], 2, "stray")
    for flag, takes in flags.items():
        yield from rows_of_flag(flag, takes, files)
    yield from rows_of_benchmark(name, files)
    if "out" in flags:
        yield from rows_of_output(files)
    if name == "machine":  # it reads the same flags, and describes the machine it runs on
        for flag, value in (("machine", "x"), ("plan", "x"), ("budget", "3"), ("sustain", "3")):
            yield Row([f"--{flag}", value], 2, f"--{flag} has no effect here")
    if "plan" in flags:
        yield from rows_of_plans(name, files)
        for flag in ("machine", "plan"):
            yield from rows_of_input(flag, files)


def problem_of(program, row, folder):
    """'' or what is wrong with how the row ended."""
    ended = house.run([program, *row.arguments], cwd=folder)
    said, name = ended.err, program.name
    if ended.bad():
        return ended.bad()
    if ended.code != row.code:
        return f"exit code {ended.code}, expected {row.code}; {ended.out[:100]} {said[:200]}"
    if row.code == 0:
        if said:
            return f"said {said[:200]!r}"
        return "" if row.out in ended.out and bool(row.out) == bool(ended.out) else ended.out[:200]
    if ended.out:
        return f"printed {ended.out[:200]!r}"
    if said.count("\n") > MOST_LINES or not said.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", said):
        return f"said {said[:400]!r}"
    if f"{name}: " not in said and "--benchmark_out=" not in row.arguments[-1]:
        return f"said {said!r} without its name"
    return "" if row.error in said else f"said {said!r}, expected {row.error!r}"


def make_files(folder, programs):
    (folder / "empty.json").write_text("")
    (folder / "torn.json").write_text('{"probe": ')
    (folder / "other.json").write_text('{"schema_version": 1, "what": "another document"}')
    (folder / "binary.json").write_bytes(bytes(range(256)) * 16)
    for program in programs:
        (folder / f"{program.name}.plan").write_text(json.dumps({"probe": program.name, "environment": {}, "points": []}))


def main():
    binaries = pathlib.Path(sys.argv[1]).resolve()
    listed = house.run([binaries / "memory_benchmark", "probe", "--list"]).out
    programs = [binaries / line.split()[0] for line in listed.splitlines()]
    problems, count = [], 0
    with house.temporary("probe_tables-") as temporary, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        files = pathlib.Path(temporary)
        make_files(files, programs)
        for program in programs:
            help_text = house.run([program, "--help"]).out
            rows = list(rows_of(program.name, help_text, files))
            if len(rows) < LEAST_ROWS:
                problems.append(f"{program.name}: {len(rows)} rows; cannot its --help be read?")
            count += len(rows)
            before = sorted(files.iterdir())
            for row, problem in zip(rows, pool.map(lambda row: problem_of(program, row, files), rows)):
                if "--print" in sys.argv:
                    print(program.name, row, row.code, repr(row.error or row.out), sep="\t")
                if problem:
                    problems.append(f"{program.name} {row}: {problem}")
            if sorted(files.iterdir()) != before:
                problems.append(f"{program.name} left a file in its folder")
    for problem in problems:
        print(problem)
    print(f"{len(programs)} probes, {count} rows, {len(problems)} problems")
    return 1 if problems or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
