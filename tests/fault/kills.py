#!/usr/bin/env python3
"""A run that is ended at a seeded moment: by SIGKILL, then resumed; by a signal that asks.

  kills.py BIN [--kills 10] [--signals 10] [--seed 1] [--real 0] [--within 0]

Killed: what is in the folder parses; a resume (or a new run, where nothing was finished) ends well;
steps that were finished are byte for byte what the first run wrote and are not run again, at most
the one that was under way is. Asked to end: a whole document marked interrupted, exit code 5, nothing
left; --within 1: a second past the sample under way. --real does as many of both with the real probes.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import threading
import time

import house

NAP_MILLISECONDS = 15  # of each stand-in, so that moments fall into steps too
BUDGET = "2s"
RUN_FILES = {"results.json", "recommendation.json", "report.html", "report.png"}


def steps_in(folder):
    """index -> (document as text, probe) of the finished steps; a list of problems."""
    lines, torn = house.journal_lines(folder / house.JOURNAL)
    finished, planned = {}, []
    for line in lines:
        word, _, payload = line.partition(" ")
        if word == "planned":
            planned.append(json.loads(payload)["probe"])
        elif word == "finished":
            index, _, document = payload.partition(" ")
            finished[int(index)] = document
    ready = any(line.startswith("ready") for line in lines)
    problems = [f"{torn} torn lines"] if torn > 1 else []
    return finished, planned, ready, problems


def repeated(log, planned):
    """Starts of probes beyond what the plan holds."""
    started = collections.Counter(line.split()[0] for line in log.read_text().splitlines())
    return sum((started - collections.Counter(planned)).values())


def same_points(step_text, results):
    """Every point of a finished step stands in the results as the journal has it."""
    by_name = {point["name"]: point for point in results["points"]}
    return all(by_name.get(point["name"]) == point for point in json.loads(step_text)["points"])


class Trial:
    def __init__(self, bin_folder, real, folder):
        self.folder, self.out, self.log = folder, folder / "run", folder / "log"
        self.real = real
        self.program = (bin_folder / "memory_benchmark" if real else
                        house.fake_house(folder / "bin", bin_folder))
        self.env = house.environment({"TMPDIR": str(folder), "FAKE_LOG": str(self.log),
                                      "FAKE_NAP": str(NAP_MILLISECONDS)}, path=False)

    def start(self, words, on_start=None):
        return house.run([self.program, "run", *words], self.env, on_start, seconds=60)

    def fresh(self, on_start=None):
        return self.start(["--budget", BUDGET if not self.real else "4s", "--out", self.out],
                          on_start)

    def forget(self):
        """A temporary folder of the killed process grows old: the next one takes it away."""
        for folder in self.folder.glob(".memory_benchmark.*"):
            os.utime(folder, (0, 0))

    def left(self, allowed):
        known = {"bin", "run", "log"} | {entry.name for entry in self.folder.glob("log.*")}
        return (house.leftovers(self.folder, known) + house.leftovers(self.out, allowed) +
                [f"process {pid}" for pid in house.processes_of(self.folder)])


def send_after(seconds, number):
    def on_start(child):
        def later():
            time.sleep(seconds)
            try:
                child.send_signal(number)
            except ProcessLookupError:
                pass
        threading.Thread(target=later, daemon=True).start()
    return on_start


def kill_and_resume(trial, moment):
    """Problems of one SIGKILL at `moment` seconds."""
    shm_before = house.names_in_shm()
    ended = trial.fresh(send_after(moment, signal.SIGKILL))
    if ended.code != -signal.SIGKILL:
        return [], False
    found = []
    for name in ("results.json", "recommendation.json"):
        if (trial.out / name).exists() and isinstance(house.load(trial.out / name), str):
            found.append(f"{name} does not parse")
    if house.names_in_shm() != shm_before or house.processes_of(trial.folder):
        found.append("left in /dev/shm or running")
    finished, planned, ready, torn = steps_in(trial.out)
    found += torn
    trial.forget()
    finished_run = not ready and (trial.out / "results.json").exists()
    if finished_run:  # only the reports were still to come
        rest = house.run([trial.program, "report", trial.out / "results.json", "--html",
                          trial.out / "report.html"], trial.env)
    else:
        rest = (trial.start(["--resume", trial.out]) if ready else trial.fresh())
    if rest.code not in (0, 7):
        return found + [f"the rest ends with {rest.code}: {rest.err[-300:]}"], True
    results = house.load(trial.out / "results.json")
    if isinstance(results, str):
        return found + [results], True
    if results["state"] != "complete":
        found.append(f"state {results['state']}")
    if not trial.real and ready:
        twice = repeated(trial.log, planned)
        if twice > 1:
            found.append(f"{twice} steps were run twice")
        found += [f"step {index} ({planned[index]}) is not what it was"
                  for index, text in finished.items() if not same_points(text, results)]
    left = trial.left(RUN_FILES)
    return found + ([f"left behind: {left}"] if left else []), True


def ask_to_end(trial, moment, number, sample_seconds, within):
    shm_before = house.names_in_shm()
    sent = []

    def on_start(child):
        def later():
            time.sleep(moment)
            sent.append(time.monotonic())
            try:
                child.send_signal(number)
            except ProcessLookupError:
                pass
        threading.Thread(target=later, daemon=True).start()
    ended = trial.fresh(on_start)
    stopped = time.monotonic()
    if ended.code in (0, 7) or (ended.code == -number and not trial.out.exists()):
        return [], False  # over, or not yet past its own first lines
    found = []
    if ended.code != 5:
        found.append(f"exit code {ended.code}: {ended.err[-300:]}")
    if within and stopped - sent[0] > within + sample_seconds:
        found.append(f"{stopped - sent[0]:.2f} s after the signal")
    journal = house.JOURNAL
    if (trial.out / journal).exists():
        results = house.load(trial.out / "results.json")
        if isinstance(results, str) or results["state"] != "interrupted":
            found.append("no document marked interrupted")
    left = trial.left({"results.json", journal})
    if left or house.names_in_shm() != shm_before:
        found.append(f"left behind: {left}")
    return found, True


def many(what, count, random_moments, trial_of, act):
    failures, hit = [], 0
    for moment in random_moments:
        if hit == count:
            break
        with house.temporary("mb-kill-") as name:
            trial = trial_of(pathlib.Path(name))
            found, counted = act(trial, moment)
            hit += counted
            failures += [f"{what} at {moment:.3f} s: {problem}" for problem in found]
            if found and len(failures) < 3:
                shutil.copytree(name, f"/tmp/mb-kill-failed-{what}-{moment:.3f}", symlinks=True,
                                dirs_exist_ok=True)
    print(f"{what}: {hit} moments, {len(failures)} problems", flush=True)
    if hit < count:
        failures.append(f"{what}: only {hit} of {count} moments fell into the run")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--signals", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=int, default=0)
    parser.add_argument("--within", type=float, default=0, help="seconds; 0: time is not judged")
    arguments = parser.parse_args()
    bin_folder = arguments.bin.resolve()
    draw = random.Random(arguments.seed)
    failures = []

    def whole(real):
        with house.temporary("mb-kill-") as name:
            ended = Trial(bin_folder, real, pathlib.Path(name)).fresh()
            print(f"{'real' if real else 'stand-in'} run undisturbed: exit {ended.code}, "
                  f"{ended.seconds:.2f} s", flush=True)
            if ended.code not in (0, 7):
                failures.append(f"undisturbed: {ended.code}: {ended.err}")
            return ended.seconds
    for real, kills, signals in ((False, arguments.kills, arguments.signals),
                                 (True, arguments.real, arguments.real)):
        if kills + signals == 0:
            continue
        length = whole(real)
        moments = [draw.uniform(0.01, length) for _ in range(3 * (kills + signals))]
        failures += many("SIGKILL" + (" (real)" if real else ""), kills, moments,
                         lambda folder, r=real: Trial(bin_folder, r, folder), kill_and_resume)
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        failures += many("signals" + (" (real)" if real else ""), signals, reversed(moments),
                         lambda folder, r=real: Trial(bin_folder, r, folder),
                         lambda trial, moment, r=real: ask_to_end(
                             trial, moment, draw.choice(numbers), 1 if r else 0,
                             arguments.within))
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
