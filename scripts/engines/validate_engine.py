#!/usr/bin/env python3
"""Holds what is predicted from probes alone against llama.cpp on the same machine in the same
minutes: the engine on every model, the main job, the engine again, the next round. The error of a
case is taken in each round, against the geometric mean of the engine's passes before and after the
probes (the pass after a round is the one before the next), or against the one after alone.

  scripts/engines/validate_engine.py prepare BUILD_BIN ENGINE WORK MODEL...
      makes the GGUF files and the caches; slow, needs no quiet machine
  scripts/engines/validate_engine.py round BUILD_BIN ENGINE WORK MODEL... [--budget 60s]
      one round, into WORK/round-N: results.json, and what the engine printed of each model
  scripts/engines/validate_engine.py table BUILD_BIN WORK... [--profile llama.cpp-debian] [--after]
      Markdown: every case, the errors by phase, and the same after calibration with each model's own
      run on as many threads as there are, judged on the other counts
  scripts/engines/validate_engine.py predict BUILD_BIN WORK... [--profile …]
      the errors alone, as they would be with the model of this build: documents are read again

  scripts/engines/validate_engine.py floor WORK... [--after]
      the errors that remain to one who knows what the engine did in all other rounds: its median there
      against each round

MODEL is a catalogue name with its quantisation (qwen3-0.6b:q4_0). BUILD_BIN is a build's bin folder.
ENGINE is llama-bench (Debian's llama.cpp-tools, built with OpenMP; or a script that starts it, which
sees WORK under the same path), or a folder with node_modules that hold npm's node-llama-cpp, built
with a thread pool of its own; engine_steps.mjs says how that is timed. Exit 1 when a side fails.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

from compare_steps import Side, HERE, load_engine, make_cache, make_model, numbers, parse_model

TOKENS = 32  # of one decode measurement: some ticks of the scheduler, some seconds of a large model
PROFILE = "llama.cpp-threadpool"  # what the npm package is built with


def cases(options):
    prefill = [(p, 0, c) for p in options.prompts for c in options.contexts]
    return prefill + [(0, TOKENS, c) for c in options.contexts]


def prepare(options):
    for text in options.models:
        name, label, _ = parse_model(text)
        model = make_model(options, name, label, None)
        if options.modules.is_file():
            continue
        engine = load_engine(options, model, max(options.threads))
        for context in filter(None, options.contexts):
            make_cache(options, engine, model, context)
        engine.end()


def measure(options, model, engine):
    """One line a case, with the keys of llama-bench -o jsonl."""
    held = None
    for threads in options.threads:
        engine.ask(json.dumps({"op": "threads", "name": "m", "threads": threads}))
        for n_prompt, n_gen, context in [(16, 0, 0)] + cases(options):  # the first warms
            # A sliding window forgets what a run pushed out: such a cache is put back each time.
            if context > 0 and (held != context or model["windowed"]):
                cache = model["folder"] / f"cache-{context}.bin"
                engine.ask(json.dumps({"op": "restore", "name": "m", "sequence": 1,
                                       "file": str(cache)}))
                held = context
            order = {"op": "run", "name": "m", "sequence": int(context > 0),
                     "rows": n_prompt or 1, "cached": context, "repeats": n_gen or 1}
            seconds = engine.ask(json.dumps(order))["seconds"][0]
            rate = (n_prompt or 1) / seconds
            if n_prompt == 16 and 16 not in options.prompts:
                continue
            yield {"model_filename": str(model["file"]), "n_threads": threads, "n_prompt": n_prompt,
                   "n_gen": n_gen, "n_depth": context, "avg_ts": rate, "samples_ts": [rate]}


def measure_by_bench(options, model):
    """The same cases by llama-bench, which warms up before each."""
    command = [options.modules, "-m", model["file"], "-n", TOKENS, "-r", 1, "-o", "jsonl"]
    for flag, numbers_ in (("-p", options.prompts), ("-d", options.contexts), ("-t", options.threads)):
        command += [flag, ",".join(map(str, numbers_))]
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def measure_by_node(options, model):
    engine = load_engine(options, model, max(options.threads))
    yield from measure(options, model, engine)
    engine.end()


def engine_pass(options, folder):
    for text in options.models:
        name, label, _ = parse_model(text)
        model = make_model(options, name, label, None)
        by = measure_by_bench if options.modules.is_file() else measure_by_node
        lines = "".join(json.dumps(line) + "\n" for line in by(options, model))
        (folder / f"{text}.jsonl").write_text(lines)
        print(f"{folder.name}: {text}", flush=True)


def round_(options):
    done = len(list(options.work.glob("round-*")))
    folder = options.work / f"round-{done}"
    folder.mkdir()
    if done == 0:
        (folder / "before").mkdir()
        engine_pass(options, folder / "before")
    subprocess.run([options.bin / "memory_benchmark", "run", "--budget", options.budget,
                    "--out", folder / "probes"], check=False, capture_output=True)
    if not (folder / "probes/results.json").exists():
        sys.exit("the main job left no results.json")
    engine_pass(options, folder)


def joined_passes(options, folder):
    """What the engine did on either side of a round's probes: (model, [its cases' lines])."""
    number = int(folder.name.split("-")[1])
    before = folder / "before" if number == 0 else folder.parent / f"round-{number - 1}"
    passes = [folder] if options.after else [before, folder]
    for after in sorted(folder.glob("*.jsonl")):
        together = [[json.loads(line) for line in (one / after.name).read_text().splitlines()]
                    for one in passes]
        lines = []
        for case in zip(*together, strict=True):
            rates = [line["avg_ts"] for line in case]
            lines.append(case[-1] | {"avg_ts": statistics.geometric_mean(rates), "samples_ts": rates})
        yield after.stem, lines


def sweeps(options, folder):
    """The same, a sweep document a model."""
    for model, lines in joined_passes(options, folder):
        sweep = folder / "sweeps" / f"{model}.json"
        sweep.parent.mkdir(exist_ok=True)
        sweep.unlink(missing_ok=True)  # of an earlier build
        joined = sweep.with_suffix(".jsonl")
        joined.write_text("".join(json.dumps(line) + "\n" for line in lines))
        subprocess.run([options.bin / "memory_benchmark", "import", joined, "--model", model,
                        "--out", sweep], check=True, capture_output=True)
        yield sweep


def validated(options, results, sweep, engine):
    """What `validate` says of one sweep: its points."""
    command = [options.bin / "memory_benchmark", "validate", results, sweep, "--engine", engine, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return json.loads(done.stdout)["points"]


def part_of(sweep, threads):
    """The sweep with the points of that count alone, as one run of the engine leaves it."""
    document = json.loads(sweep.read_text())
    for series in document["series"]:
        series["points"] = [p for p in series["points"]
                            if (p.get("threads") or series.get("threads")) == threads]
    document["series"] = [s for s in document["series"] if s["points"]]
    file = sweep.with_suffix(f".{threads}-threads")
    file.write_text(json.dumps(document))
    return file


def rounds(options):
    return [folder for work in options.work for folder in sorted(work.glob("round-*"))]


def gather(options):
    """Errors by case over rounds: {(model, phase, threads, prompt, context): [(measured, error)]},
    forward and calibrated."""
    forward, calibrated = {}, {}
    for folder in rounds(options):
        results = folder / "probes/results.json"
        for sweep in sweeps(options, folder):
            model = sweep.stem

            def note(into, points, but=None):
                for p in points:
                    if p["threads"] == but:
                        continue
                    key = (model, p["phase"], p["threads"], p["prompt_tokens"], p["context_tokens"])
                    into.setdefault(key, []).append(
                        (p["measured_tokens_per_second"], p["error"]))

            points = validated(options, results, sweep, options.profile)
            note(forward, points)
            most = max(p["threads"] for p in points)
            fitted = sweep.with_suffix(".calibrated")
            fitted.unlink(missing_ok=True)  # of an earlier build
            subprocess.run([options.bin / "memory_benchmark", "calibrate", results,
                            part_of(sweep, most), "--engine", options.profile, "--out", fitted],
                           check=True, capture_output=True)
            name = json.loads(fitted.read_text())["calibrated_profiles"][-1]["name"]
            note(calibrated, validated(options, fitted, sweep, name), but=most)
    return forward, calibrated


def errors_of(found, phase, threads):
    return [error for (_, p, t, *_), seen in found.items() if p == phase and threads in (None, t)
            for _, error in seen]


def summary(label, found):
    counts = sorted({threads for _, _, threads, *_ in found})
    for phase in ("prefill", "decode"):
        for threads in [None] + (counts if len(counts) > 1 else []):
            errors = errors_of(found, phase, threads)
            sizes = sorted(map(abs, errors))
            if sizes:
                print(f"| {phase} | {label} | {threads or 'all'} | {len(sizes)} | "
                      f"{statistics.median(sizes):.1%} | "
                      f"{sizes[min(len(sizes) - 1, int(0.9 * len(sizes)))]:.1%} | {sizes[-1]:.1%} | "
                      f"{statistics.median(errors):+.1%} |")


def table(options):
    forward, calibrated = gather(options)
    print("| phase | | threads | cases x rounds | median error | 90 % | worst | median of signed |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    summary("from probes alone", forward)
    summary("calibrated, other thread counts", calibrated)
    if options.verb == "predict":
        return
    print("\n| model | phase | threads | prompt | context | llama.cpp tokens/s | error of the prediction, "
          "median of rounds | rounds |")
    print("|---|---|--:|--:|--:|--:|--:|---|")
    for (model, phase, threads, prompt, context), seen in sorted(forward.items()):
        rates, errors = zip(*seen)
        print(f"| {model} | {phase} | {threads} | {prompt if phase == 'prefill' else '-'} | {context} | "
              f"{statistics.median(rates):.1f} | {statistics.median(errors):+.0%} | "
              f"{min(errors):+.0%} to {max(errors):+.0%} |")


def floor(options):
    rates = {}
    for folder in rounds(options):
        for model, lines in joined_passes(options, folder):
            for line in lines:
                phase = "prefill" if line["n_prompt"] else "decode"
                key = (model, phase, line["n_threads"], line["n_prompt"], line["n_depth"])
                rates.setdefault(key, []).append(line["avg_ts"])
    left = {key: [(rate, statistics.median(seen[:i] + seen[i + 1:]) / rate - 1)
                  for i, rate in enumerate(seen)] for key, seen in rates.items()}
    print("| phase | | threads | cases x rounds | median error | 90 % | worst | median of signed |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    summary("from the engine's other rounds", left)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("prepare", "round"):
        own = verbs.add_parser(verb)
        for name, shown in (("bin", "BUILD_BIN"), ("modules", "ENGINE"), ("work", "WORK")):
            own.add_argument(name, metavar=shown, type=pathlib.Path)
        own.add_argument("models", nargs="+")
        for name, fallback in (("threads", "1,2"), ("prompts", "32,128"), ("contexts", "0,1024")):
            own.add_argument(f"--{name}", type=numbers, default=numbers(fallback))
        own.add_argument("--budget", default="60s")
        own.set_defaults(no_flash=False, kv="f16")
    for verb in ("table", "predict"):
        own = verbs.add_parser(verb)
        own.add_argument("bin", type=pathlib.Path)
        own.add_argument("work", type=pathlib.Path, nargs="+")
        own.add_argument("--profile", default=PROFILE)
        own.add_argument("--after", action="store_true", help="without the pass before the probes")
    own = verbs.add_parser("floor")
    own.add_argument("work", type=pathlib.Path, nargs="+")
    own.add_argument("--after", action="store_true", help="without the pass before the probes")
    options = parser.parse_args()
    {"floor": floor, "prepare": prepare, "round": round_, "table": table, "predict": table}[options.verb](options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
