// Which engines take a GGUF file's quantised blocks as they stand: data/engines/support/gguf.json,
// compiled in. A dense type (f32, f16, bf16) runs everywhere in the engine's own file format.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "embedded/embedded_support.h"
#include "reports/advice/engines/engines.h"

namespace mb {

std::string quantisation_warning(const std::string& engine, const std::string& quantisation) {
  static const nlohmann::json support =
      nlohmann::json::parse(embedded_support().front().content).at("engines");
  const auto found = support.find(engine);
  if (found == support.end() || quantisation == "f32" || quantisation == "f16" ||
      quantisation == "bf16") {
    return "";
  }
  const std::string reads = found->at("reads");
  if (reads == "native") return "";
  return fmt::format("{} weights: {}", quantisation, found->at("says").get<std::string>());
}

}  // namespace mb
