// GGUF files of random weights: the shape and types of a model without its weights, so that any
// llama.cpp build can be timed. The text of the format is in gguf_file.h.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "workloads/shapes/model_shape.h"

namespace mb {

// What stands before the tensor data, padded to the alignment: version 3, the hyperparameters that
// llama.cpp reads for the architecture, a byte-level tokenizer that fills the vocabulary (the 256
// bytes, one end-of-text token, unused ones), and the tensor table, each tensor behind the one
// before. Throws Error(kNotAvailable) for a shape that GGUF or llama.cpp has no place for.
std::string gguf_header(const ModelShape& shape);

// Told after every few MiB; may throw to end the work.
using SynthesisProgress = std::function<void(std::int64_t written_bytes, std::int64_t all_bytes)>;

// Writes `file` whole or not at all: into a neighbour that is renamed at the end and removed on
// failure. Memory stays below 64 MiB whatever the size. The weights are uniform with a spread of
// about 0.02 in every type, norms are 1, so activations stay finite. The same shape and seed give
// the same file. Returns the file's bytes. Throws Error(kNoResource) when the disk has no room,
// before it writes; kUsage when the file exists; kFailure for what the disk refuses.
std::int64_t synthesize_gguf(const ModelShape& shape, const std::filesystem::path& file,
                             std::uint64_t seed = 1, const SynthesisProgress& progress = {});

// Fills `bytes` (whole blocks) of weights of `type`; `state` is the generator's and is moved on.
// Throws Error(kNotAvailable) for a type that quantisations() do not use.
void fill_random_blocks(WeightType type, std::uint64_t& state, char* out, std::int64_t bytes);

}  // namespace mb
