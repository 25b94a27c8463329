// Counts are bounded so that a slip of the finger ends in a message and not in a number without
// meaning: no model has a context of a billion positions.
#include "reports/cli/request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "data/error.h"
#include "reports/cli/parse.h"
#include "reports/model/calibrate.h"

namespace mb {
namespace {

constexpr std::int64_t kMostTokens = 1LL << 30, kMostSequences = 1 << 16;
// What llama.cpp takes for -ctk and -ctv.
constexpr std::array<std::string_view, 9> kCacheTypes{"f32",  "f16",  "bf16", "q8_0",  "q5_1",
                                                      "q5_0", "q4_1", "q4_0", "iq4_nl"};

std::int64_t count_of(const Flags& flags, const std::string& name, std::int64_t otherwise,
                      std::int64_t least, std::int64_t most) {
  const auto text = flags.get(name);
  if (!text) return otherwise;
  const std::int64_t count = parse_count("--" + name, *text, least);
  if (count > most) {
    throw Error(ErrorCode::kUsage, fmt::format("--{}: {} is more than {}", name, count, most));
  }
  return count;
}

}  // namespace

void add_engine_flags(Flags& flags) {
  flags.value("batch", "N", "sequences side by side (default 1)")
      .value("kv-type", "TYPE", "of the KV cache: f16 (default), q8_0, q4_0, f32 ...")
      .value("engine", "PROFILE",
             "how it works (default llama.cpp-threadpool, or what was calibrated)");
}

void add_request_flags(Flags& flags) {
  flags.value("prompt", "TOKENS", "new tokens of a prompt (default 512)")
      .value("context", "TOKENS", "positions already in the cache (default 512)");
  add_engine_flags(flags);
}

EngineProfile engine_of(const Flags& flags, const Results& results) {
  return engine_profile_for(results, engine_name_for(results, flags.get("engine").value_or("")));
}

std::string kv_type_of(const Flags& flags) {
  const std::string type = flags.get("kv-type").value_or("f16");
  if (std::find(kCacheTypes.begin(), kCacheTypes.end(), type) == kCacheTypes.end()) {
    throw Error(ErrorCode::kUsage, fmt::format("--kv-type: '{}' is not one of {}", type,
                                               fmt::join(kCacheTypes, ", ")));
  }
  return type;
}

std::int64_t batch_of(const Flags& flags) { return count_of(flags, "batch", 1, 1, kMostSequences); }

Query query_of(const Flags& flags) {
  Query query;
  query.prompt_tokens = count_of(flags, "prompt", query.prompt_tokens, 1, kMostTokens);
  query.context_tokens = count_of(flags, "context", query.context_tokens, 0, kMostTokens);
  query.kv_type = kv_type_of(flags);
  query.batch = batch_of(flags);
  return query;
}

}  // namespace mb
