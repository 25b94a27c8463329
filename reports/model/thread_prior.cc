// The priors' documents, embedded. The scale has no prior but a wide one around its points.
#include "reports/model/thread_prior.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "embedded/embedded_priors.h"

namespace mb {
namespace {

constexpr double kScaleDeviation = 3;  // of ln seconds

constexpr std::array<std::string_view, kCurveParameters> kNames = {
    "work",       "saturation",    "dispatch",     "sharpness", "cliff",        "recovery",
    "slow_cliff", "slow_recovery", "shared_cores", "all_cpus",  "second_socket"};

ThreadPriors embedded(std::string_view name) {
  for (const EmbeddedFile& file : embedded_priors()) {
    if (file.name == name) return thread_priors_from_json_text(file.content, name);
  }
  throw Error(ErrorCode::kFailure, fmt::format("{} was not embedded", name));
}

}  // namespace

ThreadPriors thread_priors_from_json_text(std::string_view text, std::string_view origin) {
  ThreadPriors priors;
  try {
    const auto json = nlohmann::json::parse(text);
    for (std::size_t phase = 0; phase < kSweepPhases.size(); ++phase) {
      const auto& table = json.at(std::string(kSweepPhases[phase]));
      priors[phase].deviation[kWork] = kScaleDeviation;
      for (int k = kWork + 1; k < kCurveParameters; ++k) {
        const auto& pair = table.at(std::string(kNames[static_cast<std::size_t>(k)]));
        priors[phase].mean[k] = pair.at(0).get<double>();
        priors[phase].deviation[k] = pair.at(1).get<double>();
        if (!(priors[phase].deviation[k] > 0)) throw std::invalid_argument("deviation above 0");
      }
    }
  } catch (const std::exception& error) {
    throw Error(
        ErrorCode::kFailure,
        fmt::format("{}: not a priors file ({}); learn_priors writes one", origin, error.what()));
  }
  return priors;
}

std::string to_json_text(const ThreadPriors& priors, std::string_view source) {
  std::string text = fmt::format("{{\n \"source\": {}", nlohmann::json(source).dump());
  for (std::size_t phase = 0; phase < kSweepPhases.size(); ++phase) {
    text += fmt::format(",\n \"{}\": {{", kSweepPhases[phase]);
    for (int k = kWork + 1; k < kCurveParameters; ++k) {
      text += fmt::format("{}\"{}\": [{:.2f}, {:.2f}]", k == kWork + 1 ? "" : ", ",
                          kNames[static_cast<std::size_t>(k)], priors[phase].mean[k],
                          priors[phase].deviation[k]);
    }
    text += "}";
  }
  return text + "\n}\n";
}

const ThreadPriors& physical_priors() {
  static const ThreadPriors priors = embedded("threads_physical.json");
  return priors;
}

const ThreadPriors& learned_priors() {
  static const ThreadPriors priors = embedded("threads.json");
  return priors;
}

const CurvePrior& prior_of(const ThreadPriors& priors, std::string_view phase) {
  const auto* found = std::ranges::find(kSweepPhases, phase);
  return priors[std::min<std::size_t>(static_cast<std::size_t>(found - kSweepPhases.begin()),
                                      kSweepPhases.size() - 1)];
}

}  // namespace mb
