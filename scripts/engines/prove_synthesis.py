#!/usr/bin/env python3
"""Shows that llama.cpp loads and decodes what `synthesize` writes: every architecture in every
quantisation, with the parameters and bytes that `inspect` says.

  scripts/engines/prove_synthesis.py MEMORY_BENCHMARK FOLDER_OF_NODE_MODULES [--only NAME] [MODEL...]

--only NAME proves one of engine_shapes.py (none for a name that is not there).
FOLDER_OF_NODE_MODULES holds npm's node-llama-cpp (load_gguf.mjs says how to install it). MODELs of
the catalogue, such as qwen3-0.6b:q4_k_m, are proved in full size. Exit 1 when one does not agree.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import engine_shapes

LABELS = ["f32", "f16", "bf16", "q8_0", "q6_k", "q5_1", "q5_k_m", "q5_k_s", "q5_0", "q4_1", "q4_k_m",
          "q4_k_s", "iq4_nl", "q4_0", "iq4_xs", "mxfp4", "q3_k_l", "q3_k_m", "q3_k_s", "q2_k"]
HERE = pathlib.Path(__file__).resolve().parent


def run(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def expected(program, model, file):
    """Writes the model; returns what inspect says of the file, after holding it against the model."""
    run(program, "synthesize", model, "--out", file)
    of_file = json.loads(run(program, "inspect", file, "--json", "--tensors"))
    of_model = json.loads(run(program, "inspect", model, "--json", "--tensors"))
    for key in ("tensors", "weight_bytes", "parameters", "weight_bytes_per_token_by_class",
                "kv_bytes_per_position", "flops_per_token", "tied_head", "vocabulary"):
        if of_file[key] != of_model[key]:
            sys.exit(f"{model}: {key} of the file is {of_file[key]}, of the model {of_model[key]}")
    return of_file


def load(node_modules, files):
    command = ["node", HERE / "load_gguf.mjs", node_modules, *files]
    done = subprocess.run([str(a) for a in command], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(lines) != len(files):
        sys.exit(f"node-llama-cpp ended early: {done.stderr[-2000:]}")
    return lines, done.stderr


def prove(program, node_modules, models, folder):
    wanted = {}
    for number, model in enumerate(models):
        file = str(folder / f"{number}.gguf")
        wanted[file] = (model, expected(program, model, file))
    lines, log = load(node_modules, wanted)
    failures = 0
    for line in lines:
        model, said = wanted[line["file"]]
        agrees = (line.get("error") is None and line["parameters"] == said["parameters"]
                  and line["bytes"] == said["weight_bytes"] and line["decoded"] == 4)
        failures += not agrees
        if not agrees:
            print(f"FAILED {model}: {line}, inspect says {said['parameters']} parameters, "
                  f"{said['weight_bytes']} bytes\n{log[-600:]}")
        pathlib.Path(line["file"]).unlink()
    return failures


def main():
    program, node_modules, models = sys.argv[1], sys.argv[2], sys.argv[3:]
    only = None
    if models[:1] == ["--only"]:
        only, models = models[1], models[2:]
    failures = count = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for architecture, path in engine_shapes.write(folder).items():
            if only is not None and only != architecture:
                continue
            labels = [f"{path}:{label}" for label in LABELS]
            failed = prove(program, node_modules, labels, folder)
            print(f"{architecture}: {len(labels) - failed} of {len(labels)} quantisations")
            failures, count = failures + failed, count + len(labels)
        for model in models:
            failed = prove(program, node_modules, [model], folder)
            print(f"{model}: {'failed' if failed else 'agrees'}")
            failures, count = failures + failed, count + 1
    print(f"{count - failures} of {count} load, decode and agree")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
