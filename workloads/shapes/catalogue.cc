// The catalogue: one file a model in data/models, compiled in, each with the fields of its
// published config.json as they stand there; and the one door to all models, find_model().
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/error.h"
#include "embedded/embedded_models.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "workloads/shapes/gguf_file.h"
#include "workloads/shapes/model_file.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDefaultLabel = "q4_0";

ModelShape shape_from_file(const EmbeddedFile& file) {
  const Json document = Json::parse(file.content);
  ModelShape shape = shape_from_config(document.at("config"), file.name);
  shape.name = document.at("name").get<std::string>();
  shape.title = document.at("title").get<std::string>();
  shape.source = document.at("source").get<std::string>();
  shape.published_parameters = document.at("published_parameters").get<std::int64_t>();
  shape.type = WeightType::kQ4_0;
  return shape;
}

const std::map<std::string, ModelShape, std::less<>>& shapes() {
  static const auto all = [] {
    std::map<std::string, ModelShape, std::less<>> made;
    for (const EmbeddedFile& file : embedded_models()) {
      ModelShape shape = shape_from_file(file);
      made.emplace(shape.name, std::move(shape));
    }
    return made;
  }();
  return all;
}

// Levenshtein distance: insertions, deletions and replacements between two names.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<std::string> nearest_names(std::string_view name) {
  std::vector<std::string> names = catalogue();
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
  names.resize(std::min<std::size_t>(names.size(), 3));
  return names;
}

}  // namespace

ModelShape find_model(std::string_view spec) {
  if (spec.ends_with(".gguf")) return shape_from_gguf(spec);
  if (spec.ends_with(".json")) return shape_from_config_file(spec, {});
  const std::size_t colon = spec.rfind(':');
  const bool labelled = colon != std::string_view::npos;
  const std::string_view name = spec.substr(0, colon);
  const std::string_view label = labelled ? spec.substr(colon + 1) : kDefaultLabel;
  if (labelled && name.ends_with(".json")) return shape_from_config_file(name, label);
  if (labelled && name.ends_with(".gguf")) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}: a .gguf file's types are its own; leave \":{}\" away",
                            printable(name, 4096), printable(label)));
  }
  const auto found = shapes().find(name);
  // A path without the ending: engines' own stores name their files by a hash.
  if (spec.find('/') != std::string_view::npos) return shape_from_gguf(spec);
  ModelShape shape;
  if (found != shapes().end()) {
    shape = found->second;
  } else if (is_size(name)) {
    shape = shape_of_size(name);
  } else {
    throw Error(ErrorCode::kUsage,
                fmt::format("unknown model \"{}\": the nearest names are {}; write NAME or "
                            "NAME:TYPE, as in qwen3-4b:q4_0, a size, as in 4B:q4_0, or a .gguf "
                            "or config.json file",
                            printable(name), fmt::join(nearest_names(name), ", ")));
  }
  const Quantisation& asked = find_quantisation(label);
  shape.type = asked.type;
  shape.mix = asked.mix;
  return shape;
}

const std::vector<std::string>& catalogue() {
  static const auto names = [] {
    std::vector<std::string> made;
    for (const auto& [name, shape] : shapes()) made.push_back(name);
    std::sort(made.begin(), made.end(), [](const auto& a, const auto& b) {
      return shapes().at(a).parameters() < shapes().at(b).parameters();
    });
    return made;
  }();
  return names;
}

}  // namespace mb
