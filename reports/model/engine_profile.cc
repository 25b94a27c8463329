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
  // By instruction set, and from the general to the special where cores of a maker or with further
  // units were measured apart from the others ("AVX512_VNNI/Intel", "AVX512_VNNI/Intel/AMX").
  std::map<std::string, EngineProfile, std::less<>> on_isa;
};

// The next more general name; empty: there is none.
std::string_view more_general(std::string_view cores) {
  const std::size_t slash = cores.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : cores.substr(0, slash);
}

const EngineProfile& measured_on(const Stored& stored, std::string_view cores) {
  for (; !cores.empty(); cores = more_general(cores)) {
    if (const auto own = stored.on_isa.find(cores); own != stored.on_isa.end()) return own->second;
  }
  return stored.profile;
}

using ByType = EngineProfile::ByType;

void read_attention_row(const nlohmann::json& profile, AttentionRow& row) {
  const auto json = profile.find("attention_row");
  if (json == profile.end()) return;
  row = {json->value("elements", 0.0), json->value("vector", 0.0), json->value("remainder", 0.0),
         json->value("loads", 0.0)};
}

void read_attention_parts(const nlohmann::json& profile, AttentionParts& parts) {
  const auto json = profile.find("attention_parts");
  if (json != profile.end()) parts = {json->at("from"), json->at("rounded_to")};
}

EngineProfile on_isa(EngineProfile profile, const nlohmann::json& json) {
  for (const auto& [key, value] : json.items()) {
    constexpr std::array<std::string_view, 12> kKnown = {"matmul_efficiency_of",
                                                         "matvec_efficiency_of",
                                                         "overlap",
                                                         "overlap_of",
                                                         "except_experts",
                                                         "repacked_types",
                                                         "prefill_slowdown",
                                                         "decode_slowdown",
                                                         "attention_row",
                                                         "attention_block_efficiency",
                                                         "element_seconds",
                                                         "sources"};
    if (std::ranges::find(kKnown, key) == kKnown.end()) {
      throw Error(ErrorCode::kFailure,
                  fmt::format("engine profile {}: unknown field {}", profile.name, key));
    }
  }
  const auto overlay = [&](const char* key, ByType& known) {
    for (const auto& [type, efficiency] : json.value(key, ByType{})) known[type] = efficiency;
  };
  if (json.value("except_experts", false)) {
    profile.experts = {profile.matmul_efficiency_of, profile.matvec_efficiency_of,
                       profile.overlap_of};
  }
  profile.repacked_types = json.value("repacked_types", profile.repacked_types);
  overlay("matmul_efficiency_of", profile.matmul_efficiency_of);
  overlay("matvec_efficiency_of", profile.matvec_efficiency_of);
  overlay("overlap_of", profile.overlap_of);
  if (json.contains("overlap")) profile.overlap = json.at("overlap").get<double>();
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
    read_attention_parts(json, profile.attention_parts);
    profile.element_seconds = json.value("element_seconds", 0.0);
    json.at("serial_seconds_per_token").get_to(profile.serial_seconds_per_token);
    json.at("dynamic_chunks").get_to(profile.dynamic_chunks);
    json.at("sources").get_to(profile.sources);
    if (const auto measured = json.find("on_isa"); measured != json.end()) {
      // In the order of their names: the general comes before the special, whose figures replace
      // its own.
      for (const auto& [cores, figures] : measured->items()) {
        EngineProfile made = on_isa(measured_on(stored, more_general(cores)), figures);
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
