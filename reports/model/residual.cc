// eta is kept between 0.2 and 1.25. Above: the terms join memory and compute with at most 19 % of
// loss, so a step that beats them by more was served from somewhere the probes did not see. Below:
// the terms do not describe this step at all. Either way the curve says so and the verdict is
// noisy.
#include "reports/model/residual.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "data/error.h"

namespace mb {
namespace {

constexpr double kLeastEta = 0.2, kMostEta = 1.25;

EngineProfile chain_profile(const ChainPoint& chain) {
  EngineProfile profile = find_engine_profile("generic");
  profile.sync = chain.sync;
  profile.weights_page = chain.page;
  profile.ubatch = 0;
  profile.dynamic_chunks = false;
  if (chain.regions > 0) {
    profile.regions_per_layer_dense = profile.regions_per_layer_moe = 0;
    profile.regions_fixed = chain.regions;
  }
  return profile;
}

void add_point(const MeasuredCurves& curves, const ChainPoint& chain, const ModelShape& full,
               Residual& residual) {
  ModelShape part = full;
  part.layers = chain.layers;
  const EngineProfile profile = chain_profile(chain);
  const Step step{chain.phase == "prefill", chain.phase == "prefill" ? chain.prompt_tokens : 1,
                  chain.context_tokens, "f16"};
  const StepTerms terms = step_terms(curves, Workload(part), profile, step, chain.threads);
  const double raw = terms.total() / chain.seconds;
  const double eta = std::clamp(raw, kLeastEta, kMostEta);
  if (eta != raw) {
    residual.clamped.push_back(
        fmt::format("{:.2f} at {} threads held at {:.2f}", raw, chain.threads, eta));
  }
  residual.eta.add({static_cast<double>(chain.threads), eta, chain.spread, chain.error});
  residual.leaning.emplace_back(chain.threads, terms.weight);
  EngineProfile whole_profile = profile;
  if (chain.regions > 0) {
    whole_profile.regions_fixed *=
        static_cast<double>(full.layers) / static_cast<double>(chain.layers);
  }
  const double whole =
      step_terms(curves, Workload(full), whole_profile, step, chain.threads).total();
  const double seconds = chain.seconds * whole / terms.total();
  residual.whole_tokens_per_second.add({static_cast<double>(chain.threads),
                                        static_cast<double>(step.rows) / seconds, chain.spread,
                                        chain.error});
}

}  // namespace

const std::array<double, kSources>& Residual::leaning_at(double threads) const {
  return std::min_element(leaning.begin(), leaning.end(),
                          [&](const auto& a, const auto& b) {
                            return std::abs(a.first - threads) < std::abs(b.first - threads);
                          })
      ->second;
}

std::vector<Residual> find_residuals(const MeasuredCurves& curves) {
  std::map<std::pair<std::string, std::string>, Residual> found;
  for (const ChainPoint& chain : curves.chains) {
    try {
      const ModelShape shape = find_model(chain.model);
      Residual residual = found[{chain.phase, chain.model}];
      residual.phase = chain.phase;
      residual.model = chain.model;
      residual.moe = shape.is_moe();
      residual.weight_bytes_per_token = static_cast<double>(shape.weight_bytes_per_token());
      add_point(curves, chain, shape, residual);
      found[{chain.phase, chain.model}] = std::move(residual);
    } catch (const Error&) {
      // A model of a later catalogue, or a curve is missing (predict() names it): of no use here.
    }
  }
  std::erase_if(found, [](const auto& entry) { return entry.second.eta.empty(); });
  std::vector<Residual> residuals;
  for (auto& [key, residual] : found) residuals.push_back(std::move(residual));
  return residuals;
}

ChosenResidual choose_residual(const std::vector<Residual>& residuals, std::string_view phase,
                               const Workload& work) {
  const std::string spec = fmt::format("{}:{}", work.shape.name, to_string(work.shape.type));
  ChosenResidual chosen;
  double least = 0;
  for (const Residual& residual : residuals) {
    if (residual.phase != phase) continue;
    if (residual.model == spec) return {&residual, true};
    constexpr double kOtherKind = 100;  // farther than any ratio of sizes
    const double distance =
        std::abs(std::log(residual.weight_bytes_per_token / work.weight_bytes_per_token())) +
        (residual.moe != work.shape.is_moe() ? kOtherKind : 0);
    if (chosen.residual == nullptr || distance < least) {
      chosen.residual = &residual;
      least = distance;
    }
  }
  return chosen;
}

}  // namespace mb
