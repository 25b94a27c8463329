"""What an engine's step takes beside ours, operation by operation: the second half of compare_steps.py.

A case is a line that compare_steps.py measured: our seconds and the engine's in each round, and our
seconds by operation. The engine's are made of ours so:
  matrix-vector    both read the same bytes from the same memory, and the engine's cores take them at a
                   rate of their own: sqrt(ours^2 + core^2), core = bytes / (threads x rate). The rate
                   is ours from the caches (matmul_throughput) times the profile's matvec_efficiency_of
  attention, rows  under BLOCK rows the engine goes by query head and position: so much for each of
                   the head's elements and 40 more, and a load for each key row that the first of the
                   heads that share it waits for (reports/model/attention_rows.h)
  all else         ours times a factor: products of blocks by type, attention of blocks, what stands
                   between products
Factors are fitted to the cases of the other models (least squares of relative errors).
"""
import functools
import json
import pathlib
import statistics

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAST_FACTOR = 0.9  # an engine multiplies with the same instructions
MOST_FACTOR = 40
BLOCK = 64          # rows that the engine's attention takes together from
ROW_ELEMENTS = 40   # attention_row of the profile; rows_waited_for() is exposure in attention_rows.cc
MATRICES = ("qkv", "output", "gate_up", "down", "head")
FEED_FORWARD = ("ffn_norm", "gate_up", "activation", "down")
BYTES_PER_WEIGHT = {"q4_0": 18 / 32, "q8_0": 34 / 32, "q4_k": 144 / 256, "q6_k": 210 / 256,  # GGUF
                    "bf16": 2, "f16": 2}
PER_ELEMENT = "attention of rows: 0.1 ns an element of a head, and 40"
PER_LOAD = "attention of rows: 100 ns a key row waited for"


class Case:
    """A measured case with what the laws above need of its model."""

    def __init__(self, measured):
        self.kv = "f16"  # of lines that do not say
        self.__dict__.update(measured)
        self.name, self.label = self.model.split(":")
        self.label = self.label.removesuffix("_s")  # a recipe, by the type of nearly all of it
        config = json.loads((ROOT / "data/models" / f"{self.name}.json").read_text())["config"]
        self.heads = config["num_attention_heads"]
        self.kv_heads = config["num_key_value_heads"]
        self.head_size = config.get("head_dim", config["hidden_size"] // self.heads)
        self.config = config
        if "num_experts" in config or "num_local_experts" in config:
            raise SystemExit(f"{self.model}: experts are not counted here")
        self.trim()
        self.ours = statistics.median(self.ours_seconds)
        self.engine = statistics.median(self.engine_seconds)

    def trim(self):
        """llama.cpp computes the last layer's feed-forward for the last row alone; ours is counted so
        too, by the profile: in a whole model that is one layer of many, in a short chain a good part."""
        if self.rows == 1:
            return
        operations = dict(self.ours_operations)
        left = 1 - (1 - 1 / self.rows) / self.layers
        for name in FEED_FORWARD:
            operations[name] = operations.get(name, 0) * left
        scale = sum(operations.values()) / sum(self.ours_operations.values())
        self.ours_operations = operations
        self.ours_seconds = [s * scale for s in self.ours_seconds]

    def ratios(self):
        """Our tokens/s over the engine's, in each round."""
        return [theirs / mine for mine, theirs in zip(self.ours_seconds, self.engine_seconds)]

    def weight_bytes(self, operation):
        hidden, width = self.config["hidden_size"], self.config["intermediate_size"]
        attention = self.heads * self.head_size
        weights = {"qkv": hidden * (attention + 2 * self.kv_heads * self.head_size),
                   "output": hidden * attention, "gate_up": 2 * hidden * width,
                   "down": hidden * width}
        if operation == "head":
            return hidden * self.config["vocab_size"] * BYTES_PER_WEIGHT[self.head_type]
        return weights[operation] * self.layers * BYTES_PER_WEIGHT[self.label]

    def between_elements(self):
        """Workload::between_elements of the chain (reports/model/workload.cc), over all rows; the last
        layer's feed-forward for one row, as in trim()."""
        hidden, width = self.config["hidden_size"], self.config["intermediate_size"]
        query, key = self.heads * self.head_size, self.kv_heads * self.head_size
        family = self.config["model_type"]
        norms = 4 if family.startswith("gemma3") else 2
        heads = 2 * (query + key) if family.startswith(("gemma3", "qwen3")) else 0
        layer = (2 * norms + 4) * hidden + 2 * query + 3 * key + heads + 2 * width
        left_out = (norms + 2) * hidden + 2 * width if self.rows > 1 else 0
        return self.rows * (self.layers * layer - left_out) + left_out

    def head_positions(self):
        """Query heads times the positions that each row sees, over all rows and layers."""
        window = self.config.get("sliding_window")
        pattern = self.config.get("sliding_window_pattern", self.layers + 1)
        pairs = 0
        for layer in range(self.layers):
            for row in range(self.rows):
                seen = self.context + row + 1
                windowed = window and (layer + 1) % pattern != 0
                pairs += min(seen, window) if windowed else seen
        return pairs * self.heads

    def rows_waited_for(self):
        """Of those, the ones that wait for a load: the first pass of a thread over a key head, as far
        as a row is wide and its neighbours in the file are other heads'."""
        passes = max(1, min(self.heads / self.kv_heads * self.rows,
                            self.heads * self.rows / self.threads))
        wide = min(max((2 * self.head_size - 96) / (256 - 96), 0), 1)
        apart = min((self.kv_heads - 1) / 3, 1)
        return self.head_positions() / passes * wide * apart


class EngineRates:
    """Bytes of weights a second that a core of the engine takes, by type: ours as the main job measured
    them on this machine, times what the profile says for its instruction set."""

    def __init__(self, results, profile):
        self.rate = {}
        profile = json.loads((ROOT / "data/engines" / f"{profile}.json").read_text())
        for point in json.loads(pathlib.Path(results).read_text())["points"]:
            parameters = point["parameters"]
            if (point["probe"] != "matmul_throughput" or parameters["operation"] != "matvec" or
                    parameters["threads"] != 1 or "working_set_bytes" in parameters):
                continue
            isa = profile["on_isa"].get(point["notes"].get("isa"), {})
            efficiency = isa.get("matvec_efficiency_of", {}).get(parameters["type"],
                                                                  profile["matvec_efficiency"])
            self.rate[parameters["type"]] = efficiency * point["summary"]["median"]


def read_cases(path):
    """The last measurement of each case."""
    latest = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        case = Case(json.loads(line))
        latest[case.model, case.phase, case.threads, case.rows, case.context, case.flash, case.kv] = case
    return sorted(latest.values(),
                  key=lambda c: (c.phase, c.model, c.threads, c.rows, c.context))


def kinds_of(case, rates):
    """What an engine does at a speed of its own -> seconds that a factor of one stands for; and the
    seconds that no factor moves."""
    scale = case.ours / sum(case.ours_operations.values())
    known, seconds = 0.0, {}
    by_rows = case.rows < BLOCK
    for name, taken in case.ours_operations.items():
        taken *= scale
        if name in MATRICES and (case.rows == 1 or name == "head"):  # the head is of the last row
            of_type = case.head_type if name == "head" else case.label
            core = case.weight_bytes(name) / (rates.rate[of_type] * case.threads)
            known += (taken ** 2 + core ** 2) ** 0.5
            continue
        if name in ("attention", "merge") and by_rows:
            continue
        kind = (f"products of blocks, {case.label}" if name in MATRICES else
                "attention of blocks" if name in ("attention", "merge") else
                f"between products, {case.phase}")
        seconds[kind] = seconds.get(kind, 0) + taken
    if by_rows:
        elements = case.head_size + ROW_ELEMENTS
        seconds[PER_ELEMENT] = 0.1e-9 * case.head_positions() * elements / case.threads
        seconds[PER_LOAD] = 100e-9 * case.rows_waited_for() / case.threads
    return known, {kind: value for kind, value in seconds.items() if value > 0}


def fit_factors(cases, rates):
    """Factor of each kind with the least squared relative error of the engine's median times; by turns
    over the kinds, each solved exactly."""
    rows = []
    for case in cases:
        known, seconds = kinds_of(case, rates)
        rows.append((known / case.engine, {k: v / case.engine for k, v in seconds.items()}))
    factors = {kind: 1.0 for _, row in rows for kind in row}
    for _ in range(2000):
        for kind in factors:
            top = bottom = 0.0
            for known, row in rows:
                if kind in row:
                    others = known + sum(factors[k] * v for k, v in row.items() if k != kind)
                    top += row[kind] * (1 - others)
                    bottom += row[kind] ** 2
            least = 0 if kind in (PER_ELEMENT, PER_LOAD) else LEAST_FACTOR
            factors[kind] = min(max(top / bottom, least), MOST_FACTOR)
    return factors


def predicted_ratios(found, rates):
    """Tokens/s of our step made the engine's over the engine's own, in each round, each model by factors
    of the others."""
    @functools.cache
    def without(name):
        return fit_factors([c for c in found if c.name != name], rates)

    for case in found:
        known, seconds = kinds_of(case, rates)
        factors = without(case.name)
        made = known + sum(factors.get(k, 1) * v for k, v in seconds.items())
        yield [ratio * case.ours / made for ratio in case.ratios()]


def row_of(case):
    found = case.ratios()
    return (f"| {case.model} | {case.layers} of {case.layers_full} | {case.phase} | "
            f"{case.threads} | {case.rows} | {case.context:,} | {case.rows / case.ours:.1f} | "
            f"{case.rows / case.engine:.1f} | {statistics.median(found):.2f} | {min(found):.2f} to "
            f"{max(found):.2f} |")


def error_line(label, errors):
    ninth = sorted(errors)[int(0.9 * len(errors))]
    return (f"- {label}: {len(errors)} cases x rounds, median error {statistics.median(errors):.1%}, "
            f"nine of ten within {ninth:.1%}, largest {max(errors):.1%}")


def print_table(path, rates):
    found = read_cases(path)
    predicted = list(predicted_ratios(found, rates))
    for phase in ("decode", "prefill"):
        of_phase = [(c, p) for c, p in zip(found, predicted) if c.phase == phase]
        if of_phase:
            print(error_line(f"{phase}, as measured",
                             [abs(r - 1) for c, _ in of_phase for r in c.ratios()]))
            for threads in sorted({c.threads for c, _ in of_phase}):
                print(error_line(f"{phase}, with the engine's factors, threads: {threads}",
                                 [abs(r - 1) for c, p in of_phase if c.threads == threads for r in p]))
            print(error_line(f"{phase}, with the engine's factors",
                             [abs(r - 1) for _, p in of_phase for r in p]))
    print()
    print("| model | layers | phase | threads | rows | context | ours tokens/s | engine tokens/s | "
          "ours / engine | rounds | with the engine's factors |")
    print("|---|---|---|--:|--:|--:|--:|--:|--:|---|--:|")
    for case, ratio in zip(found, predicted):
        print(f"{row_of(case)} {statistics.median(ratio):.2f} |")


def print_factors(path, rates):
    found = read_cases(path)
    print("| operation | engine's time / ours, or what the row says | efficiency |")
    print("|---|--:|--:|")
    for label in sorted({case.label for case in found} | {case.head_type for case in found}):
        print(f"| matrix-vector, {label}: GB/s of a core (profile) | {rates.rate[label] / 1e9:.1f} | - |")
    factors = fit_factors(found, rates)
    for kind, factor in sorted(factors.items()):
        inverse = "-" if kind in (PER_ELEMENT, PER_LOAD) else f"{1 / factor:.2f}"
        print(f"| {kind} | {factor:.2f} | {inverse} |")
    between = [1e9 * kinds_of(case, rates)[1]["between products, prefill"] / case.between_elements()
               for case in found if case.phase == "prefill" and case.threads == 1]
    if between:
        middle = statistics.median(between)
        print(f"\nBetween products, prefill on one thread: ours {min(between):.2f} to {max(between):.2f} ns "
              f"an element, median {middle:.2f}; the engine's by the factor above "
              f"{middle * factors['between products, prefill']:.2f}.")
