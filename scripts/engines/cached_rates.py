#!/usr/bin/env python3
"""Bytes of weights a second that llama.cpp's matrix-vector products take from the caches, by type,
beside ours: what data/engines says as matvec_efficiency_of. With --rows, FLOP/s of its products of so
many rows: matmul_efficiency_of. With --memory, how little reading from memory and computing overlap:
overlap_of.

  scripts/engines/cached_rates.py BUILD_BIN WORK ENGINE [--types q4_0,q8_0] [--rounds 3] [--rows 128 | --memory 2048]

Models of one layer that fit the caches, the same but for the width of their feed-forward part: what
a wider one takes longer is its weights' alone, so the rate is the slope of the time of a token over
the model's bytes, whatever a token costs besides. With --rows there are two layers, since the engine
computes the last one's feed-forward part for the last row alone, and the slope is over the FLOPs of
the first. With --memory the same slope is taken of models of so many columns and several layers, far
beyond the caches, as well, and held against the rate of those that fit and that of plain reads (4 KiB
pages, one thread): 0 where a byte takes what the join of both says (reports/model/terms.cc), -1 where it
takes their sum. ENGINE is llama-bench (Debian's llama.cpp-tools has it), or a script that starts it,
which can read WORK; or a folder with node_modules that hold npm's node-llama-cpp.
One thread; each round is the engine's models of a type, then our kernel, or of a type that we have no
kernel for, that of the type which stands in for it in predictions (reports/model/measured.cc).
"""
import argparse
import json
import math
import pathlib
import statistics
import subprocess

from compare_steps import HERE, Side, numbers

HIDDEN = 1024
WIDTHS = (256, 512, 768, 1024)
TOKENS, RUNS = 256, 8  # a token takes 0.2 ms
MEMORY_WIDTH = 16384
MEMORY_PARAMETERS = (600e6, 1200e6)  # 340 and 680 MB in Q4_0
MEMORY_TOKENS, MEMORY_RUNS = 24, 3
OVERLAP_POWER = 4  # kOverlapPower in reports/model/curves.h
# Between products: what the activation of a column of the feed-forward part takes of the slope
# (element_seconds of the profiles, AVX-512; two elements).
ACTIVATION = 2 * 0.7e-9
STAND_IN = {"q5_k": "q6_k", "q5_0": "q6_k", "q5_1": "q6_k", "q3_k": "q4_k", "q2_k": "q4_k",
            "q4_1": "q4_0", "iq4_nl": "q4_0", "iq4_xs": "q4_0", "mxfp4": "q4_0"}
BLOCKS_STAND_IN = STAND_IN | {"q6_k": "q8_0", "q5_k": "q8_0", "q5_0": "q8_0", "q5_1": "q8_0",
                              "f16": "bf16"}


def feed_forward_flops(options, width):
    return 2 * 3 * HIDDEN * width * (options.rows + 1)  # the last layer's for one row


def make_model(options, label, width, layers, hidden=HIDDEN):
    config = options.work / f"layers-{layers}-{hidden}-{width}.json"
    config.write_text(json.dumps({
        "model_type": "llama", "num_hidden_layers": layers, "hidden_size": hidden,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64,
        "intermediate_size": width, "vocab_size": 512, "tie_word_embeddings": True,
        "max_position_embeddings": 4096}))
    file = config.with_name(f"{config.stem}-{label}.gguf")
    if not file.exists():
        subprocess.run([options.bin / "memory_benchmark", "synthesize", f"{config}:{label}",
                        "--out", file], check=True, stdout=subprocess.DEVNULL)
    return file


def node_seconds(options, files, tokens=TOKENS, runs=RUNS):
    engine = Side(["node", HERE / "engine_steps.mjs", options.engine, "on"])
    seconds = {}
    for file in files:
        engine.ask(json.dumps({"op": "load", "name": "m", "file": str(file), "context": 1024,
                               "threads": 1}))
        order = json.dumps({"op": "run", "name": "m", "sequence": 0, "rows": options.rows,
                            "cached": 0, "repeats": tokens if options.rows == 1 else 1})
        seconds[file] = [engine.ask(order)["seconds"][0] for _ in range(runs)]
        engine.ask(json.dumps({"op": "drop", "name": "m"}))
    engine.end()
    return seconds


def bench_seconds(options, files, tokens=TOKENS, runs=RUNS):
    what = ["-p", "0", "-n", tokens] if options.rows == 1 else ["-p", options.rows, "-n", "0"]
    command = [options.engine, *map(str, what), "-t", "1", "-r", str(runs), "-o", "jsonl"]
    for file in files:
        command += ["-m", file]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {pathlib.Path(line["model_filename"]): [options.rows / rate for rate in line["samples_ts"]]
            for line in lines}


def our_rates(options, label):
    file = options.work / "ours.json"
    file.unlink(missing_ok=True)
    kind = label.removesuffix("_s")  # the label of a mixture, the type of nearly all of it
    if options.rows == 1:
        point = f"matvec/type:{STAND_IN.get(kind, kind)}/threads:1/"
    else:
        point = f"matmul/type:{BLOCKS_STAND_IN.get(kind, kind)}/rows:{options.rows}/threads:1/"
    subprocess.run([options.bin / "matmul_throughput", "--budget", "6", "--out", file,
                    f"--benchmark_filter={point}"], check=False, capture_output=True)
    points = json.loads(file.read_text())["points"] if file.exists() else []
    file.unlink(missing_ok=True)
    return points[0]["samples"] if points else []


def measure(options, label):
    """[(engine's bytes or FLOP a second, seconds of a run besides, ours)]: the quickest of all rounds,
    since nothing waits for memory and neighbours only add; and the medians, for cores whose other
    hardware thread is a neighbour's: it takes more from a kernel that leaves little idle."""
    layers = 1 if options.rows == 1 else 2
    widths = {make_model(options, label, width, layers): width for width in options.widths}
    engine_seconds = node_seconds if options.engine.is_dir() else bench_seconds
    runs, ours = {}, []  # seconds of each run by the model's bytes, or FLOP
    for _ in range(options.rounds):
        for file, seconds in engine_seconds(options, list(widths)).items():
            width = widths[file]
            if options.rows == 1:
                work = file.stat().st_size
            else:
                work = feed_forward_flops(options, width)
                seconds = [s - ACTIVATION * width * options.rows for s in seconds]
            runs.setdefault(work, []).extend(seconds)
        ours += our_rates(options, label)
    for of_runs, of_ours in ((min, max), (statistics.median, statistics.median)):
        slope, base = statistics.linear_regression(list(runs), list(map(of_runs, runs.values())))
        yield 1 / slope, base, of_ours(ours) if ours else None


def read_rates(options):
    file = options.work / "ours.json"
    file.unlink(missing_ok=True)
    subprocess.run([options.bin / "stream_bandwidth", "--budget", "6", "--out", file,
                    "--benchmark_filter=read/dram/page:4k/threads:1/"], check=False, capture_output=True)
    samples = json.loads(file.read_text())["points"][0]["samples"]
    file.unlink()
    return samples


def measure_memory(options, label):
    """Rates of one row from the caches (the quickest, as measure() has it), and the medians from memory
    and of plain reads."""
    engine_seconds = node_seconds if options.engine.is_dir() else bench_seconds
    sides = [([make_model(options, label, width, 1) for width in options.widths], TOKENS, RUNS),
             ([make_model(options, label, MEMORY_WIDTH, round(of / (3 * options.memory * MEMORY_WIDTH)),
                          options.memory) for of in MEMORY_PARAMETERS], MEMORY_TOKENS, MEMORY_RUNS)]
    runs, reads = [{}, {}], []
    for _ in range(options.rounds):
        for of_side, (files, tokens, repeats) in zip(runs, sides):
            for file, seconds in engine_seconds(options, files, tokens, repeats).items():
                of_side.setdefault(file.stat().st_size, []).extend(seconds)
        reads += read_rates(options)
    slopes = [statistics.linear_regression(list(side), list(map(of_runs, side.values())))[0]
              for side, of_runs in zip(runs, (min, statistics.median))]
    return 1 / slopes[0], 1 / slopes[1], statistics.median(reads)


def overlap(cached, memory, read):
    parts = 1 / cached, 1 / read
    joined = sum(part ** OVERLAP_POWER for part in parts) ** (1 / OVERLAP_POWER)
    return -math.log(1 / memory / joined) / math.log(sum(parts) / joined)


def print_memory(options):
    print("| type | from the caches, GB/s | from memory, GB/s | plain reads, GB/s | overlap |")
    print("|---|--:|--:|--:|--:|")
    for label in options.types.split(","):
        rates = measure_memory(options, label)
        print(f"| {label} | " + " | ".join(f"{rate / 1e9:.1f}" for rate in rates) +
              f" | {overlap(*rates):.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bin", "work", "engine"):
        parser.add_argument(name, type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--types", default="q4_0,q8_0,q4_k_s,q6_k,bf16,f16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--memory", type=int, metavar="COLUMNS")
    parser.add_argument("--widths", type=numbers, default=WIDTHS)
    options = parser.parse_args()
    if options.memory:
        return print_memory(options)
    unit = "GB/s" if options.rows == 1 else "GFLOP/s"
    print(f"| type | of all runs | engine, {unit} | ours, {unit} | engine / ours | µs a run besides |")
    print("|---|---|--:|--:|--:|--:|")
    for label in options.types.split(","):
        for which, (engine, base, ours) in zip(("quickest", "median"), measure(options, label)):
            ours_text = f"{ours / 1e9:.1f} | {engine / ours:.2f}" if ours else "- | -"
            print(f"| {label} | {which} | {engine / 1e9:.1f} | {ours_text} | {base * 1e6:.0f} |", flush=True)


if __name__ == "__main__":
    main()
