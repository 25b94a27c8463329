"""Attention of our steps beside llama.cpp's on equal KV bytes: what a cache of C positions adds to the
same step on both sides, taken in each round, from the lines that compare_steps.py writes."""
import json
import statistics

from step_factors import Case

KV_BYTES = {"f16": 2, "f32": 4, "q8_0": 34 / 32}  # of an element


def kv_bytes(case):
    """Of all layers, at the cached positions; 0 where a window keeps layers from them."""
    if case.config.get("sliding_window"):
        return 0
    return 2 * KV_BYTES[case.kv] * case.layers * case.kv_heads * case.head_size * case.context


def added(short, long, side):
    """Seconds that the cache adds, by round."""
    return [b - a for a, b in zip(getattr(short, side), getattr(long, side))]


def print_attention(file):
    cases = {}
    for line in file.read_text().splitlines():
        case = Case(json.loads(line))
        cases[case.model, case.kv, case.rows, case.threads, case.context] = case
    print("| model | KV | rows | threads | KV read, MiB | ours, GB/s | llama.cpp, GB/s | its ns a head and "
          "position, of a thread | ours is faster, median of rounds | rounds |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|---|")
    for (model, kv, rows, threads, context), case in sorted(cases.items()):
        short = cases.get((model, kv, rows, threads, 0))
        size = kv_bytes(case)
        if context == 0 or short is None or size == 0:
            continue
        ours, engine = (added(short, case, side) for side in ("ours_seconds", "engine_seconds"))
        if min(ours + engine) <= 0:
            print(f"| {model} | {kv} | {rows} | {threads} | {size / 2**20:.0f} | lost in the rounds' noise | | | | |")
            continue
        ratios = [b / a for a, b in zip(ours, engine)]
        rates = [size / statistics.median(side) / 1e9 for side in (ours, engine)]
        pair = threads * statistics.median(engine) / (case.head_positions() - short.head_positions())
        print(f"| {model} | {kv} | {rows} | {threads} | {size / 2**20:.0f} | {rates[0]:.2f} | {rates[1]:.2f} | "
              f"{1e9 * pair:.0f} | "
              f"{statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |")
