#!/usr/bin/env python3
"""What advice loses on published thread sweeps, in one table.

Every series with at least four thread counts is shown to the advisor in part ("seven": 1, 2, 4, half
the physical cores P, P, P + 1 and all logical CPUs L; "three": 1, P and L; the nearest counts that
were measured). Regret is 1 - throughput(advised) / throughput(best measured); between measured
counts throughput is interpolated linearly. Means weigh machines alike, then files, then series, since some
machines have dozens of series. The unseen columns are the fit's error |ln(predicted / measured)| on
the points it was not shown, and the share of these inside its 90 % interval.
"""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile

VIEWS = ("seven", "three")


def sweeps(folders):
    """(file, document, series, {threads: tokens/s}) of every scorable series."""
    for folder in folders:
        for path in sorted(pathlib.Path(folder).glob("*.json")):
            document = json.loads(path.read_text())
            if path.name == "index.json" or document.get("kind", "threads") != "threads":
                continue
            for series in document["series"]:
                rates = {p["threads"]: p["tokens_per_second"] for p in series["points"]
                         if p.get("threads") and p.get("tokens_per_second")}
                if len(rates) >= 4:
                    yield path.name, document, series, dict(sorted(rates.items()))


def cores(document, rates):
    physical = document["machine"].get("physical_cores") or max(rates)
    return physical, document["machine"].get("logical_cpus") or physical


def shown_counts(document, rates, view):
    physical, logical = cores(document, rates)
    wanted = [1, physical, logical]
    if view == "seven":
        wanted += [2, 4, physical // 2, physical + 1]
    return sorted({min(rates, key=lambda have: abs(have - count)) for count in wanted if count})


def rate_at(rates, count):
    """Between measured counts linear, outside them the nearest."""
    below = max((c for c in rates if c <= count), default=min(rates))
    above = min((c for c in rates if c >= count), default=max(rates))
    if below >= above:
        return rates[above]
    share = (count - below) / (above - below)
    return rates[below] + share * (rates[above] - rates[below])


def rules(document, rates):
    """Counts that rules of thumb advise; those of the shown points depend on the view."""
    physical, logical = cores(document, rates)
    yield "all logical CPUs", logical
    yield "physical cores", physical
    yield "half the cores", max(1, physical // 2)
    yield "performance cores", document["machine"].get("performance_cores") or physical
    for view in VIEWS:
        yield f"best of {view} shown", max(shown_counts(document, rates, view), key=rates.get)
    best = max(rates.values())
    yield "fewest within 2 % (hindsight)", min(c for c in rates if rates[c] >= 0.98 * best)


def priors_without(learner, machine, folders, cache={}):
    """A priors file learned from all other machines."""
    if machine not in cache:
        text = subprocess.run([learner, "--without", machine, *folders], capture_output=True,
                              text=True, check=True).stdout
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            file.write(text)
        cache[machine] = file.name
    return cache[machine]


def fit(program, document, series, shown, priors):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(dict(document, series=[series]), file)
        file.flush()
        done = subprocess.run(
            [program, "fit", file.name, "--points", ",".join(map(str, shown)), "--tolerance", "0",
             "--json"] + (["--priors", priors] if priors else []), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"score_advice: {program} fit failed: {done.stderr.strip()}")
    return json.loads(done.stdout)["series"][0]


class Score:
    """The regrets of one advisor, and the errors of its predictions where it has any."""

    def __init__(self):
        self.regrets, self.errors, self.inside = [], [], []

    def add(self, name, document, series, rates, advised):
        regret = max(0.0, 1 - rate_at(rates, advised) / max(rates.values()))
        self.regrets.append((regret, document["machine"]["cpu"], name,
                             f"{series['phase']} {series.get('label') or ''}", advised))

    def add_predictions(self, rates, shown, predicted):
        for each in predicted:
            rate = rates.get(each["threads"])
            if rate and each["threads"] not in shown:
                self.errors.append(abs(math.log(each["tokens_per_second"] / rate)))
                self.inside.append(each["low"] <= rate <= each["high"])

    def row(self, name):
        machines = {}
        for regret, machine, file, *_ in self.regrets:
            machines.setdefault(machine, {}).setdefault(file, []).append(regret)
        mean = statistics.mean(statistics.mean(map(statistics.mean, files.values()))
                               for files in machines.values())
        ordered = sorted(r[0] for r in self.regrets)
        cells = [mean, ordered[int(0.95 * len(ordered))], ordered[-1]]
        if self.errors:
            cells += [statistics.median(self.errors), sum(self.inside) / len(self.inside)]
        text = [f"{100 * cell:8.2f} %" for cell in cells]
        return f"{name:32}" + "".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--program", required=True, help="the built memory_benchmark")
    parser.add_argument("--leave-out", metavar="LEARNER",
                        help="learn_priors: score each machine by priors that never saw it")
    parser.add_argument("--verbose", action="store_true", help="list the series that lose most")
    arguments = parser.parse_args()
    scores = {}
    count = 0
    machines = set()
    for name, document, series, rates in sweeps(arguments.folders):
        count += 1
        machines.add(document["machine"]["cpu"])
        for rule, advised in rules(document, rates):
            scores.setdefault(rule, Score()).add(name, document, series, rates, advised)
        priors = arguments.leave_out and priors_without(
            arguments.leave_out, document["machine"]["cpu"], arguments.folders)
        for view in VIEWS:
            shown = shown_counts(document, rates, view)
            answer = fit(arguments.program, document, series, shown, priors)
            score = scores.setdefault(f"memory_benchmark fit, {view}", Score())
            score.add(name, document, series, rates, answer["recommended_threads"])
            score.add_predictions(rates, shown, answer["predicted"])
    print(f"{count} series of {len(machines)} machines; loss of throughput\n")
    print(f"{'advice':32}{'mean':>10}{'p95':>10}{'worst':>10}{'unseen':>10}{'covered':>10}")
    for rule, score in scores.items():
        print(score.row(rule))
        if arguments.verbose and "fit" in rule:
            for regret, _, file, label, advised in sorted(score.regrets, reverse=True)[:12]:
                print(f"    {100 * regret:5.1f} %  {file} {label}: {advised}")


main()
