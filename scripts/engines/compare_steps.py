#!/usr/bin/env python3
"""Holds our prefill and decode steps against llama.cpp's on the same machine in the same minutes:
the same synthesised model on both sides, turn by turn in rounds, the ratio taken in each round.

  scripts/engines/compare_steps.py run BUILD_BIN FOLDER_OF_NODE_MODULES WORK MODEL... [options]
      MODEL is a catalogue name with its quantisation (qwen3-0.6b:q4_0), with the layers of the chain
      for prefill and decode where the whole is too long (qwen3-4b:q4_0,2,12). Appends one line of
      JSON a case to WORK/likeness.jsonl; models and caches are made in WORK and kept.
      --threads 1,2   --prompts 16,128,512   --contexts 0,4096   --rounds 5   --no-flash   --page thp
      --kv f16        what both sides keep keys and values as (f32, q8_0)
      --prepare       only makes the files (slow, needs no quiet machine)
      --phases prefill,decode
      --go FILE       measures when FILE is there: everything is loaded before, so that a machine need
                      be kept quiet for the rounds alone
  scripts/engines/compare_steps.py table WORK/likeness.jsonl RESULTS [--engine llama.cpp-threadpool]
      the table of likeness in Markdown, and how far the two are apart in the median: as measured, and
      with our operations made the engine's (step_factors.py), by factors fitted without the case's
      model. RESULTS is the main job's document of this machine, for what its caches give.
  scripts/engines/compare_steps.py factors WORK/likeness.jsonl RESULTS
      those factors, fitted to all cases.
  scripts/engines/compare_steps.py attention WORK/likeness.jsonl
      attention alone, on equal KV bytes: what a cache adds to the same step on both sides.

BUILD_BIN is a build's bin folder (step_rounds and memory_benchmark). The engine is npm's
node-llama-cpp; engine_steps.mjs says how it is timed. Exit 1 when a side fails.
"""
import argparse
import atexit
import functools
import json
import pathlib
import signal
import statistics
import struct
import subprocess
import sys
import time

import step_attention
import step_factors

HERE = pathlib.Path(__file__).resolve().parent
TILE = 256      # positions evaluated for a cache that is then repeated
TOKENS = 4      # of one turn of decode


class Side:
    """A program that answers each line with a line of JSON. Between its turns it is stopped: threads
    that spin while they wait would take the other side's processors."""

    def __init__(self, command):
        self.command = command
        self.program = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.program.kill)  # one that is stopped would stay when the other fails

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


def head_type(options, spec, config, label):
    """What the head is stored in: recipes give it more bits than the rest."""
    shown = subprocess.run([options.bin / "memory_benchmark", "inspect", spec, "--json"], check=True,
                           capture_output=True, text=True)
    size = config["vocab_size"] * config["hidden_size"]
    alone = [kind for kind, of in json.loads(shown.stdout)["tensors_by_type"].items()
             if of["tensors"] == 1 and of["parameters"] == size]
    return alone[0] if alone else label


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
            "head_type": head_type(options, f"{config}:{label}", source, label),
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
    kind = "" if options.kv == "f16" else f"-{options.kv}"
    file = model["folder"] / f"cache-{context}{kind}.bin"
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
    return [(r, c) for r in rows for c in options.contexts]


def load_engine(options, model, threads):
    engine = Side(["node", HERE / "engine_steps.mjs", options.modules,
                   "off" if options.no_flash else "on"])
    # Two sequences share it; each has its half.
    most = 2 * (max(options.contexts) + max(options.prompts) + 64)
    engine.ask(json.dumps({"op": "load", "name": "m", "file": str(model["file"]),
                           "context": (most + 511) // 512 * 512, "threads": threads,
                           "kv": options.kv.upper()}))
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
            self.ours.ask(f"step s{rows} {model['spec']} {rows} 0 {max(cached + [0]) + 64} "
                          f"{options.kv}")
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
            yield {"model": self.spec, "head_type": self.model["head_type"],
                   "layers": self.model["layers"],
                   "layers_full": self.model["layers_full"], "phase": self.phase,
                   "threads": self.threads, "rows": rows, "context": context,
                   "page": self.options.page, "flash": not self.options.no_flash,
                   "kv": self.options.kv,
                   "ours_seconds": [p[0] for p in pairs], "engine_seconds": [p[1] for p in pairs],
                   "ours_operations": profiles[rows, context]}


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
    run.add_argument("--kv", choices=["f16", "f32", "q8_0"], default="f16")
    run.add_argument("--no-flash", action="store_true")
    run.add_argument("--prepare", action="store_true")
    run.add_argument("--go", type=pathlib.Path)
    for name in ("table", "factors"):
        verb = verbs.add_parser(name)
        verb.add_argument("file", type=pathlib.Path)
        verb.add_argument("results", type=pathlib.Path)
        verb.add_argument("--engine", default="llama.cpp-threadpool")
    verbs.add_parser("attention").add_argument("file", type=pathlib.Path)
    options = parser.parse_args()
    if options.verb == "attention":
        return step_attention.print_attention(options.file)
    if options.verb != "run":
        rates = step_factors.EngineRates(options.results, options.engine)
        show = {"table": step_factors.print_table, "factors": step_factors.print_factors}
        return show[options.verb](options.file, rates)
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
            print(step_factors.row_of(step_factors.Case(case)), flush=True)
    return 0


if __name__ == "__main__":
    main()
