#!/usr/bin/env python3
"""Holds our prefill and decode steps against llama.cpp's on the same machine in the same minutes:
the same synthesised model on both sides, turn by turn in rounds, the ratio taken in each round.

  scripts/engines/compare_steps.py run BUILD_BIN FOLDER_OF_NODE_MODULES WORK MODEL... [options]
      MODEL is a catalogue name with its quantisation (qwen3-0.6b:q4_0), with the layers of the chain
      for prefill and decode where the whole is too long (qwen3-4b:q4_0,2,12). Appends one line of
      JSON a case to WORK/likeness.jsonl; models and caches are made in WORK and kept.
      --threads 1,2   --prompts 16,128,512   --contexts 0,4096   --rounds 5   --no-flash   --page thp
      --prepare       only makes the files (slow, needs no quiet machine)
      --phases prefill,decode
      --go FILE       measures when FILE is there: everything is loaded before, so that a machine need
                      be kept quiet for the rounds alone
  scripts/engines/compare_steps.py table WORK/likeness.jsonl
      the table of likeness in Markdown, and how far the two are apart in the median: as measured, and
      with our operations slowed by the engine's factors (below), fitted without the case's model.
  scripts/engines/compare_steps.py factors WORK/likeness.jsonl
      how much longer than ours the engine takes, by kind of operation, fitted to all cases; what
      data/engines states as its efficiencies.

BUILD_BIN is a build's bin folder (step_rounds and memory_benchmark). The engine is npm's
node-llama-cpp; engine_steps.mjs says how it is timed. Exit 1 when a side fails.
"""
import argparse
import functools
import json
import pathlib
import signal
import statistics
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TILE = 256      # positions evaluated for a cache that is then repeated
TOKENS = 4      # of one turn of decode
LEAST_FACTOR = 0.9  # an engine streams the same bytes through the same memory
MOST_PAIRS = 128 * 4096  # of new and cached positions


class Side:
    """A program that answers each line with a line of JSON. Between its turns it is stopped: threads
    that spin while they wait would take the other side's processors."""

    def __init__(self, command):
        self.command = command
        self.program = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.program.send_signal(signal.SIGCONT)
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()
        answer = self.program.stdout.readline()
        if not answer:
            sys.exit(f"{self.command[0]} ended on: {line}")
        self.program.send_signal(signal.SIGSTOP)
        answer = json.loads(answer)
        if "error" in answer:
            sys.exit(f"{self.command[0]}: {line}: {answer['error']} {answer.get('log', '')}")
        return answer

    def end(self):
        self.program.stdin.close()
        self.program.send_signal(signal.SIGCONT)
        self.program.wait()


def parse_model(text):
    """name:label[,prefill layers,decode layers] -> name, label, {phase: layers or None}."""
    spec, *layers = text.split(",")
    name, _, label = spec.partition(":")
    prefill, decode = (int(layers[0]), int(layers[1])) if layers else (None, None)
    return name, label or "q4_0", {"prefill": prefill, "decode": decode}


def make_model(options, name, label, layers):
    """A GGUF of the shape, cut to `layers`, and the config.json that both sides read it by."""
    folder = options.work / f"{name}-{layers or 'all'}"
    folder.mkdir(parents=True, exist_ok=True)
    source = json.loads((HERE.parents[1] / "data/models" / f"{name}.json").read_text())["config"]
    whole = source["num_hidden_layers"]
    config = folder / "config.json"
    config.write_text(json.dumps(source | {"num_hidden_layers": layers or whole}))
    file = folder / f"{label}.gguf"
    if not file.exists():
        subprocess.run([options.bin / "memory_benchmark", "synthesize", f"{config}:{label}", "--out",
                        file], check=True, stdout=subprocess.DEVNULL)
    return {"spec": f"{config}:{label}", "file": file, "folder": folder,
            "layers": layers or whole, "layers_full": whole, "windowed": "sliding_window" in source}


def repeat_cache(source, target, times):
    """A saved sequence of llama.cpp, its positions repeated: the cost of attention is that of any
    cache of that length, and evaluating 4,096 tokens through a whole model takes minutes. Layout of
    llama_state_seq_save_file: magic, version, tokens; streams, cells; position, owners a cell;
    whether values are transposed, layers; type, row bytes and rows of each layer's keys, then values."""
    data = source.read_bytes()
    _, _, tokens = struct.unpack_from("<III", data, 0)
    at = 12 + 4 * tokens
    at += 4
    while (cells := struct.unpack_from("<I", data, at)[0]) == 0:  # streams of other sequences
        at += 4
    head, at = data[:at], at + 4
    # A cell is position, number of owners and the owners themselves, which some versions leave out.
    owners = struct.unpack_from("<I", data, at + 4)[0]
    for cell in (8, 8 + 4 * owners):
        transposed, layers = struct.unpack_from("<II", data, at + cell * cells)
        if transposed == 0 and 0 < layers < 1000:
            break
    else:
        sys.exit(f"{source}: not the state layout that repeat_cache knows")
    out = [head, struct.pack("<I", cells * times)]
    for i in range(cells * times):
        out.append(struct.pack("<i", i) + data[at + 4:at + cell])
    at += cell * cells
    out.append(data[at:at + 8])
    at += 8
    for _ in range(2 * layers):
        row = struct.unpack_from("<Q", data, at + 4)[0]
        out.append(data[at:at + 12])
        out.append(data[at + 12:at + 12 + row * cells] * times)
        at += 12 + row * cells
    if any(data[at:]):  # empty streams after it
        sys.exit(f"{source}: {len(data) - at} bytes left over, not the layout that is known")
    target.write_bytes(b"".join(out) + data[at:])


def make_cache(options, engine, model, context):
    """The file of a cache of `context` positions for this chain; any quantisation may use it."""
    file = model["folder"] / f"cache-{context}.bin"
    if file.exists():
        return file
    if model["windowed"] or context % TILE != 0:
        engine.ask(json.dumps({"op": "save", "name": "m", "sequence": 1, "rows": context,
                               "file": str(file)}))
        return file
    part = model["folder"] / "cache-part.bin"
    engine.ask(json.dumps({"op": "save", "name": "m", "sequence": 1, "rows": TILE,
                           "file": str(part)}))
    repeat_cache(part, file, context // TILE)
    return file


def cases(options, phase):
    rows = options.prompts if phase == "prefill" else [1]
    # A long prompt on a long cache takes seconds a turn and shows nothing that both alone do not.
    return [(r, c) for r in rows for c in options.contexts if r * c <= MOST_PAIRS]


def load_engine(options, model, threads):
    engine = Side(["node", HERE / "engine_steps.mjs", options.modules,
                   "off" if options.no_flash else "on"])
    # Two sequences share it; each has its half.
    most = 2 * (max(options.contexts) + max(options.prompts) + 64)
    engine.ask(json.dumps({"op": "load", "name": "m", "file": str(model["file"]),
                           "context": (most + 511) // 512 * 512, "threads": threads}))
    return engine


class Comparison:
    """All cases of one phase of one model on one number of threads: loaded when it is made, measured
    round by round later."""

    def __init__(self, options, model, spec, phase, threads):
        self.options, self.model, self.spec = options, model, spec
        self.phase, self.threads = phase, threads
        self.cases = cases(options, phase)
        self.engine = load_engine(options, model, threads)
        self.ours = Side([options.bin / "step_rounds", threads, "spin", options.page])
        cached = [c for c in options.contexts if c > 0]
        for rows in sorted({rows for rows, _ in self.cases}):
            self.ours.ask(f"step s{rows} {model['spec']} {rows} 0 {max(cached + [0]) + 64}")
        self.caches = {c: make_cache(options, self.engine, model, c) for c in cached}
        self.held = None  # the context that the engine's second sequence holds
        self.turn(*min(self.cases))  # warms both

    def turn(self, rows, context):
        if context > 0 and (self.held != context or self.model["windowed"]):
            self.engine.ask(json.dumps({"op": "restore", "name": "m", "sequence": 1,
                                        "file": str(self.caches[context])}))
            self.held = context
        repeats = TOKENS if rows == 1 else 1
        order = {"op": "run", "name": "m", "sequence": int(context > 0), "rows": rows,
                 "cached": context, "repeats": repeats}
        theirs = self.engine.ask(json.dumps(order))["seconds"]
        mine = self.ours.ask(f"run s{rows} {context} {repeats}")["seconds"]
        return statistics.median(mine), statistics.median(theirs)

    def measure(self):
        seen = {case: [] for case in self.cases}
        for _ in range(self.options.rounds):
            for case, pairs in seen.items():
                pairs.append(self.turn(*case))
        profiles = {(r, c): self.ours.ask(f"profile s{r} {c} {3 if r < 128 else 1}")["operations"]
                    for r, c in seen}
        self.engine.end()
        self.ours.end()
        for (rows, context), pairs in seen.items():
            yield {"model": self.spec, "layers": self.model["layers"],
                   "layers_full": self.model["layers_full"], "phase": self.phase,
                   "threads": self.threads, "rows": rows, "context": context,
                   "page": self.options.page, "flash": not self.options.no_flash,
                   "ours_seconds": [p[0] for p in pairs], "engine_seconds": [p[1] for p in pairs],
                   "ours_operations": profiles[rows, context]}


def ratios(case):
    """Our tokens/s over the engine's, in each round."""
    return [theirs / mine for mine, theirs in zip(case["ours_seconds"], case["engine_seconds"])]


def row_of(case):
    found = ratios(case)
    rate = [case["rows"] / statistics.median(case[side]) for side in ("ours_seconds",
                                                                       "engine_seconds")]
    return (f"| {case['model']} | {case['layers']} of {case['layers_full']} | {case['phase']} | "
            f"{case['threads']} | {case['rows']} | {case['context']:,} | {rate[0]:.1f} | "
            f"{rate[1]:.1f} | {statistics.median(found):.2f} | {min(found):.2f} to "
            f"{max(found):.2f} |")


FEED_FORWARD = ("ffn_norm", "router", "dispatch", "gate_up", "activation", "down")


def trimmed(case):
    """llama.cpp computes the last layer's feed-forward for the last row alone; ours is counted so too,
    by the profile: in a whole model that is one layer of many, in a short chain a good part."""
    if case["rows"] == 1:
        return case
    operations = dict(case["ours_operations"])
    left = 1 - (1 - 1 / case["rows"]) / case["layers"]
    for name in FEED_FORWARD:
        operations[name] = operations.get(name, 0) * left
    scale = sum(operations.values()) / sum(case["ours_operations"].values())
    return case | {"ours_operations": operations,
                   "ours_seconds": [s * scale for s in case["ours_seconds"]]}


def read_cases(path):
    """The last measurement of each case."""
    latest = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        case = trimmed(json.loads(line))
        latest[tuple(case[k] for k in ("model", "phase", "threads", "rows", "context",
                                       "flash"))] = case
    return sorted(latest.values(), key=lambda c: (c["phase"], c["model"], c["threads"], c["rows"],
                                                  c["context"]))


MATRICES = ("qkv", "output", "gate_up", "down", "router")


def kinds_of(case):
    """Seconds of our step by what an engine may do at another speed, scaled to its median time."""
    label = case["model"].split(":")[1]
    rows = case["rows"]
    product = "matvec" if rows == 1 else "matmul"
    # llama.cpp's attention takes blocks of query rows together from some tens of rows on.
    # Before, it goes by query head and position, whatever the head's size and group.
    seconds = {}
    ours = dict(case["ours_operations"])
    if rows < 64:
        ours["merge"] = ours["attention"] = 0
    for name, time_taken in ours.items():
        kind = (f"{product} {label}" if name in MATRICES else "head" if name == "head" else
                "attention of blocks" if name in ("attention", "merge") else
                f"between products, {case['phase']}")
        seconds[kind] = seconds.get(kind, 0) + time_taken
    scale = statistics.median(case["ours_seconds"]) / sum(case["ours_operations"].values())
    seconds = {kind: value * scale for kind, value in seconds.items() if value > 0}
    if rows < 64:
        phase = "decode" if rows == 1 else "few rows"
        seconds[f"attention, {phase}: 100 ns a head and position"] = (
            100e-9 * head_positions(case) / case["threads"])
    return seconds


def head_positions(case):
    """Query heads times the positions that each row sees, over all rows and layers."""
    name = case["model"].split(":")[0]
    config = json.loads((HERE.parents[1] / "data/models" / f"{name}.json").read_text())["config"]
    window, pattern = config.get("sliding_window"), config.get("sliding_window_pattern", 1)
    pairs = 0
    for layer in range(case["layers"]):
        for row in range(case["rows"]):
            seen = case["context"] + row + 1
            windowed = window and (layer + 1) % pattern != 0
            pairs += min(seen, window) if windowed else seen
    return pairs * config["num_attention_heads"]


def fit_factors(cases_given):
    """Factor of each kind of operation, LEAST_FACTOR to 40, with the least squared relative error of the
    engine's median times; by turns over the kinds, each solved exactly."""
    rows = [({k: v / statistics.median(c["engine_seconds"]) for k, v in kinds_of(c).items()})
            for c in cases_given]
    factors = {kind: 1.0 for row in rows for kind in row}
    for _ in range(2000):
        for kind in factors:
            top = bottom = 0.0
            for row in rows:
                if kind in row:
                    others = sum(factors[k] * v for k, v in row.items() if k != kind)
                    top += row[kind] * (1 - others)
                    bottom += row[kind] ** 2
            least = 0 if kind.startswith("attention, ") else LEAST_FACTOR
            factors[kind] = min(max(top / bottom, least), 40)
    return factors


def predicted_ratios(found):
    """Our time with the engine's factors over the engine's, each model by factors of the others."""
    ratios_found = []
    for case in found:
        name = case["model"].split(":")[0]
        factors = fit_cache(tuple(c["model"] for c in found), name, found)
        predicted = sum(factors.get(k, 1) * v for k, v in kinds_of(case).items())
        ratios_found.append(statistics.median(case["engine_seconds"]) / predicted)
    return ratios_found


FITTED = {}


def fit_cache(key, without, found):
    if (key, without) not in FITTED:
        FITTED[key, without] = fit_factors([c for c in found if c["model"].split(":")[0] != without])
    return FITTED[key, without]


def error_line(label, errors):
    return (f"- {label}: {len(errors)} cases, median error {statistics.median(errors):.1%}, "
            f"largest {max(errors):.1%}")


def table(path):
    found = read_cases(path)
    predicted = predicted_ratios(found)
    print("| model | layers | phase | threads | rows | context | ours tokens/s | engine tokens/s | "
          "ours / engine | rounds | with the engine's factors |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for case, ratio in zip(found, predicted):
        print(f"{row_of(case)} {ratio:.2f} |")
    print()
    for phase in ("decode", "prefill"):
        both = [(statistics.median(ratios(c)), p) for c, p in zip(found, predicted)
                if c["phase"] == phase]
        if both:
            print(error_line(f"{phase}, as measured", [abs(r - 1) for r, _ in both]))
            print(error_line(f"{phase}, with the factors of the other models",
                             [abs(p - 1) for _, p in both]))


def print_factors(path):
    found = read_cases(path)
    factors = fit_factors(found)
    print("| operation | engine's time / ours (or 100 ns) | efficiency |")
    print("|---|---|---|")
    for kind, factor in sorted(factors.items()):
        inverse = "-" if kind.startswith("attention, ") else f"{1 / factor:.2f}"
        print(f"| {kind} | {factor:.2f} | {inverse} |")


def numbers(text):
    return [int(part) for part in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run")
    for name in ("bin", "modules", "work"):
        run.add_argument(name, type=pathlib.Path)
    run.add_argument("models", nargs="+")
    for name, fallback in (("threads", "1,2"), ("prompts", "16,128,512"), ("contexts", "0,4096")):
        run.add_argument(f"--{name}", type=numbers, default=numbers(fallback))
    run.add_argument("--rounds", type=int, default=5)
    run.add_argument("--phases", default="prefill,decode")
    run.add_argument("--page", default="thp")
    run.add_argument("--no-flash", action="store_true")
    run.add_argument("--prepare", action="store_true")
    run.add_argument("--go", type=pathlib.Path)
    for name in ("table", "factors"):
        verbs.add_parser(name).add_argument("file", type=pathlib.Path)
    options = parser.parse_args()
    if options.verb != "run":
        return table(options.file) if options.verb == "table" else print_factors(options.file)
    comparisons = []
    for text in options.models:
        name, label, layers = parse_model(text)
        for phase in options.phases.split(","):
            model = make_model(options, name, label, layers[phase])
            if options.prepare:
                engine = load_engine(options, model, max(options.threads))
                for context in options.contexts:
                    if context > 0:
                        make_cache(options, engine, model, context)
                engine.end()
                continue
            comparisons += [functools.partial(Comparison, options, model, f"{name}:{label}", phase, threads)
                            for threads in options.threads]
    loaded = (load() for load in comparisons)  # one by one: together they may not fit the memory
    if options.go is not None:
        loaded = list(loaded)
        print("loaded", flush=True)
        while not options.go.exists():
            time.sleep(0.1)
    for comparison in loaded:
        for case in comparison.measure():
            with open(options.work / "likeness.jsonl", "a", encoding="utf-8") as out:
                out.write(json.dumps(case) + "\n")
            print(row_of(trimmed(case)), flush=True)
    return 0


if __name__ == "__main__":
    main()
