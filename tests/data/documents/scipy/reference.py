#!/usr/bin/env python3
"""Statistics of drawn samples as numpy and scipy compute them, for the C++ tests to hold theirs against.

    reference.py            writes reference.json beside this file
    reference.py --check    fails where the stored file is another; 77 without scipy

Summaries are held within 1e-12. The slope and the first sample's score are not handed out by the C++
code, only judged, so their cases lie 1e-10 (of a limit) to either side of it, as scipy sees them.
"""
import json
import pathlib
import sys

try:
    import numpy as np
    from scipy import optimize, stats
except ImportError as error:
    print(f"needs python3-scipy ({error})", file=sys.stderr)
    sys.exit(77)

FILE = pathlib.Path(__file__).with_name("reference.json")
SLOPE_LIMIT, STANDARD_ERRORS, FIRST_LIMIT = 0.01, 3, 14.826  # probes/core/noise.h and noise.cc
BESIDE = 1e-10


def interval_rank(count):
    """Largest k with P(Binomial(n, 1/2) < k) <= 2.5 %; 1 (the range) where none is."""
    ranks = np.arange(1, count // 2 + 1)
    allowed = ranks[stats.binom.cdf(ranks - 1, count, 0.5) <= 0.025]
    return int(allowed.max()) if len(allowed) else 1


def modes(ordered):
    """Otsu's split by trying every one, then the house's three conditions."""
    count = len(ordered)
    if count < 4:
        return None
    least = max(2, -(-count // 4))
    between = [i * (count - i) * (ordered[:i].mean() - ordered[i:].mean()) ** 2
               for i in range(1, count)]
    split = int(np.argmax(between)) + 1
    low, high = ordered[:split], ordered[split:]
    if min(len(low), len(high)) < least or np.median(high) < 1.2 * np.median(low):
        return None
    spread = max(stats.median_abs_deviation(low), stats.median_abs_deviation(high))
    if np.median(high) - np.median(low) < 8 * spread:
        return None
    return [float(np.median(low)), float(np.median(high))]


def summary_case(samples):
    ordered = np.sort(samples)
    rank = interval_rank(len(ordered))
    return {
        "samples": samples.tolist(),
        "median": float(np.median(samples)),
        "mad": float(stats.median_abs_deviation(samples)),
        "low": float(ordered[rank - 1]),
        "high": float(ordered[-rank]),
        "modes": modes(ordered),
    }


def summaries(random):
    drawn = []
    for count in [*range(1, 31), 50, 100, 200]:
        drawn.append(random.lognormal(2, 1, count))
        drawn.append(np.round(random.normal(10, 1, count)))  # ties
        drawn.append(1e10 * np.where(random.random(count) < 0.4, random.normal(3, 0.02, count),
                                     random.normal(2, 0.02, count)))
        drawn.append(1e-9 * (1 + np.where(random.random(count) < 0.1, random.exponential(5, count), 0)
                             + random.normal(0, 0.01, count)))
    return [summary_case(samples) for samples in drawn]


def slope(samples):
    """Change over the window as a share of the mean, and how many of its standard errors that is."""
    line = stats.linregress(np.arange(len(samples)), samples)
    change = line.slope * (len(samples) - 1) / samples.mean()
    return abs(change), abs(line.slope) / line.stderr


def slope_cases(random):
    """Lines with noise: change at its limit and far above its error, then the other way round."""
    cases = []
    for count in (5, 12, 25, 60):
        for sign in (-1, 1):
            rise = sign * (np.arange(count) / (count - 1) - 0.5)
            noise = random.normal(0, 1, count)
            for side in (-1, 1):
                factor = 1 + side * BESIDE
                tilted = lambda tilt: 1e9 * (1 + tilt * rise + 1e-4 * noise)
                tilt = optimize.brentq(lambda t: slope(tilted(t))[0] - SLOPE_LIMIT * factor,
                                       0.005, 0.02, xtol=1e-16, rtol=1e-15)
                shaken = lambda size: 1e9 * (1 + 0.02 * rise + size * noise)
                size = optimize.brentq(lambda s: slope(shaken(s))[1] - STANDARD_ERRORS * factor,
                                       1e-4, 1, xtol=1e-16, rtol=1e-15)
                cases.append({"samples": tilted(tilt).tolist(), "counts": side > 0})
                cases.append({"samples": shaken(size).tolist(), "counts": side > 0})
    return [case for case in cases if min(case["samples"]) > 0]


def first_sample_cases(random):
    """The first sample's distance from the median in MADs, at hyperfine's limit."""
    cases = []
    for count in (5, 12, 25, 60):
        others = 1e9 * (1 + 0.01 * random.normal(0, 1, count - 1))
        for sign in (-1, 1):
            for side in (-1, 1):
                def score(first):
                    samples = np.array([first, *others])
                    return abs(first - np.median(samples)) / stats.median_abs_deviation(samples)
                away = sign * 1e9
                first = optimize.brentq(lambda d: score(1e9 + d) - FIRST_LIMIT * (1 + side * BESIDE),
                                        0.05 * away, 0.9 * away, xtol=1e-6, rtol=1e-15)
                cases.append({"samples": [1e9 + first, *others.tolist()], "counts": side > 0})
    return cases


def main():
    random = np.random.default_rng(20261129)
    made = {"summaries": summaries(random), "slopes": slope_cases(random),
            "first_samples": first_sample_cases(random)}
    lists = [f'"{name}": [\n' + ",\n".join(map(json.dumps, cases)) + "]" for name, cases in made.items()]
    text = "{" + ",\n".join(lists) + "}\n"  # a case a line
    if sys.argv[1:] != ["--check"]:
        FILE.write_text(text)
        print(f"{FILE.name}: {', '.join(f'{len(cases)} {name}' for name, cases in made.items())}")
        return 0
    stored = json.loads(FILE.read_text())
    for name, cases in made.items():
        if len(cases) != len(stored[name]):
            print(f"{name}: {len(stored[name])} cases stored, {len(cases)} made")
            return 1
        for index, (was, now) in enumerate(zip(stored[name], cases)):
            for key, value in now.items():
                same = was[key] == value or (
                    value is not None and was[key] is not None and
                    np.allclose(was[key], value, rtol=1e-12, atol=0))
                if not same:
                    print(f"{name} {index}: {key} is {was[key]}, now {value}")
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
