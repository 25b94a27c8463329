// A model file or a results file that is not what it should be is said before any work is done.
#include "reports/cli/inputs.h"

#include <fmt/format.h>

#include "data/error.h"
#include "data/system/files.h"

namespace mb {

Results load_results(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    throw Error(ErrorCode::kUsage, fmt::format("{} is a folder: name the file, {}", path.string(),
                                               (path / "results.json").string()));
  }
  if (!std::filesystem::exists(path)) {
    throw Error(
        ErrorCode::kFailure,
        fmt::format("{}: no such file; memory_benchmark run writes a results.json", path.string()));
  }
  return results_from_json_text(read_file(path), path.string());
}

Sweep load_sweep(const std::filesystem::path& path) {
  return sweep_from_json_text(read_file(path), path.string());
}

std::vector<NamedSweep> load_named_sweeps(const std::vector<std::string>& files,
                                          const std::optional<std::string>& model) {
  std::vector<NamedSweep> sweeps;
  for (const std::string& file : files) {
    NamedSweep named{std::filesystem::path(file).filename().string(), load_sweep(file), {}};
    if (!model && named.sweep.model.name.empty()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} names no model; say which with --model", file));
    }
    try {
      named.shape = load_model(model.value_or(named.sweep.model.name));
    } catch (const Error& error) {
      if (model) throw;
      throw Error(ErrorCode::kUsage,
                  fmt::format("{}: its model {}; say which with --model", file, error.what()));
    }
    sweeps.push_back(std::move(named));
  }
  return sweeps;
}

ModelShape load_model(const std::string& text) {
  ModelShape shape = find_model(text);
  if (!shape.unsupported.empty()) {
    throw Error(ErrorCode::kNotAvailable, fmt::format("{}: {}", text, shape.unsupported));
  }
  return shape;
}

std::vector<std::string> canonical_models(const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  for (const std::string& text : texts) {
    const ModelShape shape = load_model(text);
    names.push_back(shape.spec());
  }
  return names;
}

}  // namespace mb
