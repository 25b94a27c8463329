#!/usr/bin/env python3
"""Is the suite good? Small faults are put into the product one at a time; a test must turn red.

  scripts/mutate.py [--count 300] [--seed 1] [--log FILE] [--minutes 0] [--room NAME] [--again]

Mutants are drawn by the seed evenly over the rooms below: a relational or arithmetic operator, a
constant, a negated condition, a statement that is left out. Each is built into its room's test
program (preset `dev`, so ccache helps); where that stays green, into those of the rooms that use it. A
mutant that does not compile is drawn again and not counted. It is killed by a red test or by a time
limit. The log has one line a mutant: outcome, file:line, what became what; a mutant that stands in it
already is not built again, so an interrupted run goes on; --again tries those anew that survived, which
is what new tests are for. The file is put back whatever happens.
"""
import argparse
import collections
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "dev"
# Room -> (files, test programs that must notice).
ROOMS = {
    "statistics": (["data/documents/summary.cc", "data/documents/merge.cc"], ["data_documents_test"]),
    "noise": (["probes/core/noise.cc", "probes/core/sampler.cc"], ["probes_core_test"]),
    "limits": (["probes/core/limits.cc", "probes/core/cgroups.cc"], ["probes_core_test"]),
    "results": (["data/documents/results_json.cc", "data/documents/json_fields.cc",
                 "data/documents/parameters.cc", "data/documents/validity.cc",
                 "data/documents/level_order.cc"], ["data_documents_test"]),
    "model": (["reports/model/*.cc"], ["reports_model_test"]),
    "advice": (["reports/advice/*.cc"], ["reports_advice_test"]),
}
# Room -> programs that show what it computes, for mutants that its own tests let pass.
USERS = {"statistics": ["probes_campaign_test", "reports_render_test"],
         "results": ["reports_render_test", "probes_campaign_test"],
         "model": ["reports_advice_test", "reports_render_test"],
         "advice": ["reports_render_test", "reports_cli_test"]}
# Tests that measure time or take long decide nothing here.
FILTER = {"probes_core_test": "Noise*:Sampler*:Limits*:*Fixture*:CpuList*:HostText*:Cgroups*"}
TEST_SECONDS = 120
RELATIONAL = {"<=": ["<", ">="], ">=": [">", "<="], "==": ["!="], "!=": ["=="],
              " < ": [" <= ", " > "], " > ": [" >= ", " < "]}
ARITHMETIC = {" + ": [" - "], " - ": [" + "], " * ": [" / "], " / ": [" * "], " && ": [" || "],
              " || ": [" && "], "std::min(": ["std::max("], "std::max(": ["std::min("]}
NUMBER = re.compile(r"(?<![\w.\"'%{:])(\d+(?:\.\d+)?)(?![\w.\"'}])")
CONDITION = re.compile(r"\b(if|while) \((?!constexpr)(.+)\) ")
STATEMENT = re.compile(r"^\s+(?!return|throw|using|const |auto |static|constexpr|for|if|while|else|"
                       r"case|break|continue|default|double |int |bool |std::\w+ \w+|struct|template)"
                       r"[\w.\[\]>()-]+.*;$")


def is_code(line):
    text = line.strip()
    return bool(text) and not text.startswith(("//", "#", "namespace", "}")) and "fmt::format" not in text


def variants_of(line):
    """(kind, mutated line) for every small fault of one line."""
    made = []
    code = line.split("//")[0]
    for kind, table in (("relational", RELATIONAL), ("arithmetic", ARITHMETIC)):
        for old, news in table.items():
            for match in re.finditer(re.escape(old), code):
                if code[:match.start()].count('"') % 2 or "template" in code or "#include" in code:
                    continue
                if old in ("<=", ">=") and code[match.end():match.end() + 1] == ">":
                    continue
                made += [(kind, code[:match.start()] + new + code[match.end():]) for new in news]
    for match in NUMBER.finditer(code):
        if code[:match.start()].count('"') % 2:
            continue
        value = match.group(1)
        new = "1" if value == "0" else f"{value}1" if "." in value else str(int(value) + 1)
        made.append(("constant", code[:match.start()] + new + code[match.end():]))
    match = CONDITION.search(code)
    if match and ";" not in match.group(2):
        made.append(("condition", code[:match.start(2)] + f"!({match.group(2)})" + code[match.end(2):]))
    if STATEMENT.match(code.rstrip("\n")) and code.count("(") == code.count(")"):
        made.append(("statement", re.match(r"\s*", code).group(0) + ";"))
    return made


def all_mutants(patterns):
    found = []
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            lines = path.read_text().split("\n")
            for number, line in enumerate(lines):
                if is_code(line):
                    found += [(path.relative_to(ROOT), number, kind, new.rstrip())
                              for kind, new in variants_of(line)]
    return found


def draw(count, seed, only):
    """Mutants in turn from each room, until `count` of each; more than needed, for the uncompilable."""
    rooms = {}
    for name, (patterns, _) in ROOMS.items():
        if only in (None, name):
            mutants = all_mutants(patterns)
            random.Random(f"{seed} {name}").shuffle(mutants)
            rooms[name] = mutants
    return rooms, -(-count // len(rooms))


def build(programs):
    return subprocess.run(["cmake", "--build", str(BUILD), "--target", *programs], cwd=ROOT,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                          timeout=900).returncode == 0


def outcome_of(programs):
    for program in programs:
        words = [str(BUILD / "bin" / program), "--gtest_brief=1", "--gtest_fail_fast",
                 f"--gtest_filter={FILTER.get(program, '*')}"]
        try:
            code = subprocess.run(words, cwd=BUILD, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False,
                                  timeout=TEST_SECONDS).returncode
        except subprocess.TimeoutExpired:
            return "killed (time)"
        if code != 0:
            return "killed"
    return "SURVIVED"


def try_mutant(room, mutant):
    path, number, kind, new = mutant
    file = ROOT / path
    before = file.read_text()
    lines = before.split("\n")
    old, lines[number] = lines[number], new
    what = f"{room}\t{path}:{number + 1}\t{kind}\t{old.strip()}\t{new.strip()}"
    try:
        file.write_text("\n".join(lines))
        outcome = outcome_of(ROOMS[room][1]) if build(ROOMS[room][1]) else "no build"
        users = USERS.get(room, [])
        if outcome == "SURVIVED" and users and build(users):
            outcome = outcome_of(users)
    finally:
        file.write_text(before)
    return f"{outcome}\t{what}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=pathlib.Path, default=ROOT / "build" / "mutants.log")
    parser.add_argument("--minutes", type=float, default=0, help="stop after so many; 0: never")
    parser.add_argument("--room", choices=list(ROOMS))
    parser.add_argument("--again", action="store_true", help="try those anew that survived")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))  # through `finally`
    done = {}
    if arguments.log.exists():
        for line in arguments.log.read_text().splitlines():
            outcome, _, what = line.partition("\t")
            done[what] = outcome
    if arguments.again:
        done = {what: outcome for what, outcome in done.items() if outcome != "SURVIVED"}
    begin = time.monotonic()
    rooms, each = draw(arguments.count, arguments.seed, arguments.room)
    for name in rooms:  # the suite must be green before anything is called killed
        programs = ROOMS[name][1] + USERS.get(name, [])
        if not build(programs) or outcome_of(programs) != "SURVIVED":
            sys.exit(f"{name}: the tests are red without any mutant")
    counts = collections.defaultdict(collections.Counter)
    late = False
    for turn in range(each * 3):
        for name, mutants in rooms.items():
            tried = counts[name]
            if sum(tried[word] for word in ("killed", "SURVIVED")) >= each or turn >= len(mutants):
                continue
            late = late or (arguments.minutes and
                            time.monotonic() - begin > 60 * arguments.minutes)
            path, number, kind, new = mutants[turn]
            old = (ROOT / path).read_text().split("\n")[number].strip()
            what = f"{name}\t{path}:{number + 1}\t{kind}\t{old}\t{new.strip()}"
            if what in done:
                outcome = done[what]
            elif late:
                continue
            else:
                line = try_mutant(name, mutants[turn])
                outcome = line.split("\t")[0]
                with arguments.log.open("a") as log:
                    log.write(line + "\n")
                print(line, flush=True)
            tried["killed" if outcome.startswith("killed") else outcome] += 1
    build(sorted({program for name in rooms for program in ROOMS[name][1] + USERS.get(name, [])}))
    total = collections.Counter()
    for name, tried in counts.items():
        total += tried
        judged = tried["killed"] + tried["SURVIVED"]
        share = f"{100 * tried['killed'] / judged:.0f} %" if judged else "-"
        print(f"{name:11} {judged:4} mutants, {tried['killed']:4} killed, {share}")
    judged = total["killed"] + total["SURVIVED"]
    print(f"{judged} mutants, {total['killed']} killed, {total['SURVIVED']} survived, "
          f"{total['no build']} did not compile")
    return 0


if __name__ == "__main__":
    sys.exit(main())
