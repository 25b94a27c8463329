#!/usr/bin/env python3
"""Holds the recipes of workloads/shapes/quantisation.cc against llama.cpp's quantiser itself: each
small model of engine_shapes.py is written in f16, quantised by the library to every label, and the
type of every tensor is compared with what the program says of MODEL:LABEL.

  scripts/engines/compare_recipes.py MEMORY_BENCHMARK FOLDER_OF_NODE_MODULES [NAME...]

The library is the one inside npm's node-llama-cpp (load_gguf.mjs says how to install it). Exit 1
when a tensor differs.
"""
import ctypes
import glob
import json
import pathlib
import subprocess
import sys
import tempfile

import engine_shapes

# Labels and llama_ftype numbers of llama.h.
FILE_TYPES = {"q8_0": 7, "q6_k": 18, "q5_1": 9, "q5_k_m": 17, "q5_k_s": 16, "q5_0": 8, "q4_1": 3,
              "q4_k_m": 15, "q4_k_s": 14, "iq4_nl": 25, "q4_0": 2, "iq4_xs": 30, "mxfp4": 38,
              "q3_k_l": 13, "q3_k_m": 12, "q3_k_s": 11, "q2_k": 10}


class Parameters(ctypes.Structure):
    """The head of llama_model_quantize_params; the rest is kept as the library fills it."""
    _fields_ = [("threads", ctypes.c_int32), ("file_type", ctypes.c_int32),
                ("rest", ctypes.c_char * 256)]


def open_library(node_modules):
    folder = glob.glob(f"{node_modules}/node_modules/@node-llama-cpp/linux-*/bins/linux-*")
    folder = [f for f in folder if glob.glob(f + "/libllama.*") and "cuda" not in f
              and "vulkan" not in f][0]
    for name in ("libggml-base.so", "libggml.*.so"):
        ctypes.CDLL(glob.glob(f"{folder}/{name}")[0], mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(glob.glob(f"{folder}/libllama.*.so")[0])
    library.llama_model_quantize_default_params.restype = Parameters
    library.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p,
                                             ctypes.POINTER(Parameters)]
    quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
    library.keep = quiet
    library.llama_log_set(quiet, None)
    return library


def types_of(program, model):
    text = subprocess.run([program, "inspect", str(model), "--json", "--tensors"], check=True,
                          capture_output=True, text=True).stdout
    return {tensor["name"]: tensor["type"] for tensor in json.loads(text)["tensors"]}


def compare(program, library, config, folder):
    source, target = folder / "source.gguf", folder / "target.gguf"
    subprocess.run([program, "synthesize", f"{config}:f16", "--out", source], check=True,
                   capture_output=True)
    differing = []
    for label, file_type in FILE_TYPES.items():
        parameters = library.llama_model_quantize_default_params()
        parameters.file_type, parameters.threads = file_type, 2
        if library.llama_model_quantize(str(source).encode(), str(target).encode(),
                                        ctypes.byref(parameters)) != 0:
            differing.append(f"{label}: the library does not quantise")
            continue
        theirs, ours = types_of(program, target), types_of(program, f"{config}:{label}")
        different = [f"{name} {ours[name]}, is {theirs[name]}" for name in ours
                     if ours[name] != theirs[name]]
        if different:
            differing.append(f"{label}: {len(different)} tensors, first {different[0]}")
        target.unlink()
    source.unlink()
    return differing


def main():
    program, library = sys.argv[1], open_library(sys.argv[2])
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for architecture, config in engine_shapes.write(folder).items():
            if sys.argv[3:] and architecture not in sys.argv[3:]:
                continue
            differing = compare(program, library, config, folder)
            failed = failed or bool(differing)
            print(f"{architecture}: {len(FILE_TYPES) - len(differing)} of {len(FILE_TYPES)} labels "
                  "have the library's types", *differing, sep="\n  ", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
