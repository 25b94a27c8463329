// Engine profiles: how an engine divides a step into parallel regions, waits, batches and holds its
// weights. One file each in data/engines, compiled in, every figure with its source in words.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "embedded/embedded_engines.h"
#include "reports/model/machine_model.h"

namespace mb {
namespace {

struct Stored {
  EngineProfile profile;
  // By instruction set, and by instruction set and maker ("AVX512_VNNI/Intel") where cores of one
  // maker were measured apart from the others'.
  std::map<std::string, EngineProfile, std::less<>> on_isa;
};

std::string_view without_maker(std::string_view cores) { return cores.substr(0, cores.find('/')); }

const EngineProfile& measured_on(const Stored& stored, std::string_view cores) {
  for (const std::string_view key : {cores, without_maker(cores)}) {
    if (const auto own = stored.on_isa.find(key); own != stored.on_isa.end()) return own->second;
  }
  return stored.profile;
}

using ByType = std::map<std::string, double, std::less<>>;

void read_attention_row(const nlohmann::json& profile, AttentionRow& row) {
  const auto json = profile.find("attention_row");
  if (json == profile.end()) return;
  row = {json->value("elements", 0.0), json->value("vector", 0.0), json->value("remainder", 0.0),
         json->value("loads", 0.0)};
}

EngineProfile on_isa(EngineProfile profile, const nlohmann::json& json) {
  for (const auto& [key, value] : json.items()) {
    constexpr std::array<std::string_view, 8> kKnown = {
        "matmul_efficiency_of", "matvec_efficiency_of",       "prefill_slowdown", "decode_slowdown",
        "attention_row",        "attention_block_efficiency", "element_seconds",  "sources"};
    if (std::ranges::find(kKnown, key) == kKnown.end()) {
      throw Error(ErrorCode::kFailure,
                  fmt::format("engine profile {}: unknown field {}", profile.name, key));
    }
  }
  const auto overlay = [&](const char* key, ByType& known) {
    for (const auto& [type, efficiency] : json.value(key, ByType{})) known[type] = efficiency;
  };
  overlay("matmul_efficiency_of", profile.matmul_efficiency_of);
  overlay("matvec_efficiency_of", profile.matvec_efficiency_of);
  profile.prefill_slowdown = json.value("prefill_slowdown", profile.prefill_slowdown);
  profile.decode_slowdown = json.value("decode_slowdown", profile.decode_slowdown);
  read_attention_row(json, profile.attention_row);
  profile.attention_block_efficiency =
      json.value("attention_block_efficiency", profile.attention_block_efficiency);
  profile.element_seconds = json.value("element_seconds", profile.element_seconds);
  for (const auto& [field, source] : json.at("sources").items()) {
    source.get_to(profile.sources[field]);
  }
  return profile;
}

Stored stored_from_file(const EmbeddedFile& file) {
  try {
    const auto json = nlohmann::json::parse(file.content);
    Stored stored;
    EngineProfile& profile = stored.profile;
    json.at("name").get_to(profile.name);
    json.at("title").get_to(profile.title);
    json.at("aliases").get_to(profile.aliases);
    json.at("sync").get_to(profile.sync);
    json.at("operation").get_to(profile.operation);
    json.at("regions_per_layer_dense").get_to(profile.regions_per_layer_dense);
    json.at("regions_per_layer_moe").get_to(profile.regions_per_layer_moe);
    json.at("regions_fixed").get_to(profile.regions_fixed);
    profile.starts_threads = json.value("starts_threads", false);
    json.at("ubatch").get_to(profile.ubatch);
    json.at("weights_page").get_to(profile.weights_page);
    json.at("weights_placement").get_to(profile.weights_placement);
    json.at("repacked_types").get_to(profile.repacked_types);
    json.at("compiled_profile").get_to(profile.compiled_profile);
    json.at("matmul_efficiency").get_to(profile.matmul_efficiency);
    json.at("matvec_efficiency").get_to(profile.matvec_efficiency);
    json.at("attention_efficiency").get_to(profile.attention_efficiency);
    profile.prefill_slowdown = json.value("prefill_slowdown", 1.0);
    profile.decode_slowdown = json.value("decode_slowdown", 1.0);
    profile.attention_block_rows = json.value("attention_block_rows", std::int64_t{0});
    profile.attention_block_efficiency = json.value("attention_block_efficiency", 1.0);
    profile.kv_cost = json.value("kv_cost", ByType{});
    read_attention_row(json, profile.attention_row);
    profile.element_seconds = json.value("element_seconds", 0.0);
    json.at("serial_seconds_per_token").get_to(profile.serial_seconds_per_token);
    json.at("dynamic_chunks").get_to(profile.dynamic_chunks);
    json.at("sources").get_to(profile.sources);
    if (const auto measured = json.find("on_isa"); measured != json.end()) {
      // In the order of their names: an instruction set comes before its makers, whose figures
      // replace its own.
      for (const auto& [cores, figures] : measured->items()) {
        EngineProfile made = on_isa(measured_on(stored, without_maker(cores)), figures);
        made.measured_on = cores;
        stored.on_isa[cores] = std::move(made);
      }
    }
    return stored;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::kFailure, fmt::format("engine profile {}: {}", file.name, error.what()));
  }
}

const std::map<std::string, Stored, std::less<>>& profiles() {
  static const auto all = [] {
    std::map<std::string, Stored, std::less<>> made;
    for (const EmbeddedFile& file : embedded_engines()) {
      Stored stored = stored_from_file(file);
      made.emplace(stored.profile.name, std::move(stored));
    }
    return made;
  }();
  return all;
}

}  // namespace

EngineProfile find_engine_profile(std::string_view name, std::string_view cores) {
  const auto found = profiles().find(name);
  if (found != profiles().end()) return measured_on(found->second, cores);
  for (const auto& [own_name, stored] : profiles()) {
    const auto& aliases = stored.profile.aliases;
    if (std::find(aliases.begin(), aliases.end(), name) != aliases.end()) {
      return measured_on(stored, cores);
    }
  }
  throw Error(ErrorCode::kUsage, fmt::format("unknown engine profile \"{}\": one of {}", name,
                                             fmt::join(engine_profiles(), ", ")));
}

std::vector<std::string> engine_profiles() {
  std::vector<std::string> names;
  for (const auto& [name, profile] : profiles()) names.push_back(name);
  return names;
}

}  // namespace mb
