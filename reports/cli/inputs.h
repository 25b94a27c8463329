// What subcommands are given: results files and models, each checked before any work is done.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/results.h"
#include "data/documents/sweep.h"
#include "reports/model/compare.h"
#include "workloads/shapes/model_shape.h"

namespace mb {

// Throws Error naming the file and what to do: missing, truncated, of another schema version.
Results load_results(const std::filesystem::path& path);

// A sweep document. Throws Error naming the file.
Sweep load_sweep(const std::filesystem::path& path);

// The sweeps of these files with their models: `model` if given, else what each document names.
// Throws Error(kUsage) for a document that names none that is known.
std::vector<NamedSweep> load_named_sweeps(const std::vector<std::string>& files,
                                          const std::optional<std::string>& model);

// A catalogue name. Throws Error(kUsage) for what is unknown or cannot be read yet.
ModelShape load_model(const std::string& text);

// "qwen3-4b" -> "qwen3-4b:q4_0": models by the one name that documents use.
std::vector<std::string> canonical_models(const std::vector<std::string>& texts);

}  // namespace mb
