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

ModelShape load_model(const std::string& text) {
  if (text.ends_with(".gguf") || text.ends_with(".json")) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}: model files are not supported yet; use a catalogue name "
                            "(memory_benchmark inspect --list shows them)",
                            text));
  }
  return find_model(text);
}

std::vector<std::string> canonical_models(const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  for (const std::string& text : texts) {
    const ModelShape shape = load_model(text);
    names.push_back(fmt::format("{}:{}", shape.name, to_string(shape.type)));
  }
  return names;
}

}  // namespace mb
