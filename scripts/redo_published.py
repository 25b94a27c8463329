#!/usr/bin/env python3
"""Redoes on this machine the tables that the source article published, and prints both side by side:
throughput against prompt length, threads, Q4 against int8 in both phases, attention against the KV
cache, and what picking a token costs.

  scripts/redo_published.py BUILD_BIN [--model qwen3-30b-a3b] [--seconds 1] [--rounds 3] [--threads N]
                            [--out FILE] [--only prompt,threads,int8,attention,pick] [--plan]

  scripts/redo_published.py build/release/bin --out docs/published_tables.md

Steps run on a chain of layers (two in prefill, in decode as many as a quarter of the memory and the time
allow: marked "layers") and are scaled to all of them, the output head counted once; a prompt longer
than 512 tokens is taken in blocks of 512, of which the one in the middle of the prompt stands for all
(attention grows evenly with the position). Each cell is the median of the rounds and what they went
from and to; "!" marks one with a round that is not to be trusted. Published rows are those of data/datasets/seed. --plan
prints the points that would be measured and ends.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SEED = pathlib.Path(__file__).resolve().parent.parent / "data" / "datasets" / "seed"
BLOCK = 512  # rows of one prefill step: the engines' usual micro-batch


def published(name):
    return json.loads((SEED / f"{name}.json").read_text(encoding="utf-8"))["series"]


class Points:
    """Points asked for, measured in one go by each probe, found again by their parameters."""

    def __init__(self, options):
        self.options, self.asked, self.found = options, {}, {}

    def ask(self, probe, **parameters):
        entries = [[key, value] for key, value in parameters.items()]
        asked = self.asked.setdefault(probe, [])
        if entries not in asked:
            asked.append(entries)
        return probe, json.dumps(sorted(parameters.items()))

    def measure(self):
        for _ in range(1 if self.options.plan else self.options.rounds):
            self.measure_once()

    def measure_once(self):
        for probe, asked in self.asked.items():
            step = {"probe": probe, "environment": {},
                    "points": [{"parameters": {k: v for k, v in entries},
                                "seconds": self.options.seconds} for entries in asked]}
            if self.options.plan:
                print(json.dumps(step, indent=1))
                continue
            with tempfile.TemporaryDirectory() as folder:
                plan, out = pathlib.Path(folder, "plan.json"), pathlib.Path(folder, "out.json")
                plan.write_text(json.dumps(step))
                done = subprocess.run([self.options.bin / probe, "--plan", plan, "--out", out],
                                      capture_output=True, text=True, check=False)
                # 4: nothing of it here, 7: nothing of it to be trusted, which the tables mark.
                if done.returncode not in (0, 4, 7) or not out.exists():
                    sys.exit(f"{probe}: exit {done.returncode}\n{done.stderr}")
                document = json.loads(out.read_text())
            for point in document["points"]:
                key = json.dumps(sorted(point["parameters"].items()))
                self.found.setdefault((probe, key), []).append(point)
            for missing in document.get("missing", []):
                print(f"{probe}: missing: {missing['what']}: {missing['cause']}", file=sys.stderr)

    def get(self, key):
        """The point of each round."""
        return self.found.get(key, [])


def whole_model(point):
    """Seconds of the step in all layers, its head once; and the chain's layers in words."""
    facts = point["facts"]
    ends = sum(facts.get(f"{name}_seconds", 0) for name in ("head", "output_norm", "pick"))
    layers = max(point["summary"]["median"] - ends, 0)
    seconds = layers * facts["layers_full"] / facts["layers"] + ends
    return seconds, f"{facts['layers']:.0f} of {facts['layers_full']:.0f}"


def prefill_point(points, model, prompt, threads):
    rows = min(prompt, BLOCK)
    return points.ask("prefill_scaling", operation="step", model=model, prompt_tokens=rows,
                      context_tokens=(prompt - rows) // 2, threads=threads, layers=2, head=1,
                      profile=1)


def decode_point(points, model, context, threads):
    return points.ask("decode_scaling", operation="step", model=model, context_tokens=context,
                      threads=threads, head=1, profile=1)


def shown(values, points, digits=1):
    """The median of the rounds and how far they went; marked where a round is not to be trusted."""
    if not values:
        return "-"
    text = f"{statistics.median(values):,.{digits}f}"
    if len(values) > 1:
        text += f" ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
    return text + (" !" if any(p["verdict"]["validity"] == "invalid" for p in points) else "")


def rate(points, key):
    """Tokens per second of a whole model, and its chain; dashes where the point could not be had."""
    found = points.get(key)
    wholes = [whole_model(point) for point in found]
    rows = [point["parameters"].get("prompt_tokens", 1) for point in found]
    return (shown([n / seconds for n, (seconds, _) in zip(rows, wholes)], found),
            wholes[0][1] if wholes else "-")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def by_prompt(points, options):
    series = {s["phase"]: s["points"] for s in published("ryzen9-7900-qwen3-30b-a3b-q4-prompt-length")}
    prompts = [p["prompt_tokens"] for p in series["prefill"]]
    model = options.model + ":q4_0"
    keys = [(prefill_point(points, model, p, options.threads),
             decode_point(points, model, p, options.threads)) for p in prompts]
    head = ["prompt tokens", "prefill here", "prefill published", "decode here", "decode published",
            "layers: prefill; decode"]

    def render():
        decode = {p["prompt_tokens"]: p["tokens_per_second"] for p in series["decode"]}
        rows = []
        for prompt, pair, point in zip(prompts, keys, series["prefill"]):
            (fill, fill_layers), (token, token_layers) = (rate(points, key) for key in pair)
            rows.append([f"{prompt:,}", fill, point["tokens_per_second"], token,
                         decode.get(prompt, "-"), f"{fill_layers}; {token_layers}"])
        return table(head, rows)
    return "Prompt length (tokens/s)", render


def by_threads(points, options):
    series = {s["phase"]: s["points"] for s in published("ryzen9-7900-qwen3-30b-a3b-q4-threads")}
    model = options.model + ":q4_0"
    counts = [p["threads"] for p in series["prefill"]]
    here = {t: (prefill_point(points, model, 1000, t), decode_point(points, model, 1000, t))
            for t in counts if t <= options.threads}

    def render():
        decode = {p["threads"]: p["tokens_per_second"] for p in series["decode"]}
        rows = []
        for point in series["prefill"]:
            threads = point["threads"]
            pair = here.get(threads)
            rows.append([threads, rate(points, pair[0])[0] if pair else "-",
                         point["tokens_per_second"], rate(points, pair[1])[0] if pair else "-",
                         decode.get(threads, "-")])
        return table(["threads", "prefill here", "prefill published", "decode here",
                      "decode published"], rows)
    return "Threads, a prompt of 1,000 tokens (tokens/s; - : more than this machine's budget)", render


def by_type(points, options):
    series = published("ryzen9-7900-qwen3-30b-a3b-q4-vs-int8")
    kinds = {"Q4": "q4_0", "int8": "q8_0"}
    asked = []
    for one in series:
        for point in one["points"]:
            prompt, model = point["prompt_tokens"], f"{options.model}:{kinds[one['label']]}"
            make = prefill_point if one["phase"] == "prefill" else decode_point
            asked.append((one, point, make(points, model, prompt, options.threads)))

    def render():
        rows = [[one["phase"], one["label"], f"{point['prompt_tokens']:,}", *rate(points, key),
                 point["tokens_per_second"]] for one, point, key in asked]
        return table(["phase", "weights", "prompt tokens", "here", "layers", "published"], rows)
    return "Q4 against int8 (tokens/s; here Q4_0 and Q8_0)", render


def by_cache(points, options):
    series = published("ryzen9-7900-attention-kernel-kv-sweep")[0]["points"]
    keys = [(point, [points.ask("attention_kv", operation="attention", positions=point["positions"],
                                threads=t) for t in sorted({1, options.threads})])
            for point in series]

    def render():
        rows = []
        for point, asked in keys:
            cells = []
            for key in asked:
                found = points.get(key)
                cells.append(shown([p["summary"]["median"] / 1e9 for p in found], found))
            found = points.get(asked[0])
            level = found[0]["notes"].get("served_by", "-") if found else "-"
            rows.append([f"{point['positions']:,}", f"{point['kv_bytes'] / 2**20:.2f}", level, *cells,
                         point["gflops"], point["level"]])
        counts = [f"{t} thread{'s' if t > 1 else ''} here" for t in sorted({1, options.threads})]
        return table(["positions", "KV MiB", "level here", *counts, "1 core published",
                      "level published"], rows)
    return "Attention of one token against the KV cache of one layer (GFLOP/s)", render


def by_pick(points, options):
    models = ["gemma-3-270m:q4_0", "qwen3-0.6b:q4_0"]
    keys = {(model, pick): points.ask("decode_scaling", operation="step", model=model, layers=1,
                                      threads=1, pick=pick, profile=1)
            for model in models for pick in ("argmax", "top_p")}

    def render():
        rows = []
        for (model, pick), key in keys.items():
            found = points.get(key)
            if found:
                rows.append([model, f"{found[0]['facts']['pick_bytes'] / 4:,.0f}", pick,
                             shown([p["facts"]["pick_seconds"] * 1e6 for p in found], found, 0)])
        return table(["model", "vocabulary", "rule", "microseconds a token"], rows)
    return "Picking the token, one thread (nothing published)", render


TABLES = {"prompt": by_prompt, "threads": by_threads, "int8": by_type, "attention": by_cache,
          "pick": by_pick}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--model", default="qwen3-30b-a3b")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default=",".join(TABLES))
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--plan", action="store_true")
    options = parser.parse_args()
    unknown = set(options.only.split(",")) - set(TABLES)
    if unknown:
        parser.error(f"--only: {', '.join(sorted(unknown))}: expected some of {', '.join(TABLES)}")
    points = Points(options)
    tables = [TABLES[name](points, options) for name in options.only.split(",")]
    points.measure()
    if options.plan:
        return
    text = "\n\n".join(f"## {title}\n\n{render()}" for title, render in tables) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
