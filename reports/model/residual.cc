// eta is kept between 0.2 and 1.25. Above: the terms join memory and compute with at most 19 % of
// loss, so a step that beats them by more was served from somewhere the probes did not see. Below:
// the terms do not describe this step at all. Either way the curve says so and the verdict is
// noisy.
#include "reports/model/residual.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "data/error.h"

namespace mb {
namespace {

constexpr double kLeastEta = 0.2, kMostEta = 1.25;
constexpr double kMostMemory =
    2;  // of the measured bandwidth: a guest's DRAM from minute to minute

constexpr std::array kOverlaps{2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 64.0};
// What the overlap is weighed against: it is as far from 4 as a doubling or two, and eta differs by
// a few per cent between thread counts for other reasons too.
constexpr double kOverlapDoublings = 2, kEtaDeviation = 0.05;

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

// What the arithmetic of prefill got of its rate on so many threads: of the measured models' the
// figure nearest to 1, since a model that the terms describe badly tells of itself. 1 without any.
double arithmetic_part(const std::vector<Residual>& prefills, double threads) {
  double nearest = kLeastEta;
  for (const Residual& prefill : prefills) {
    const double eta = prefill.eta.at(threads).value;
    if (std::abs(std::log(eta)) < std::abs(std::log(nearest))) nearest = eta;
  }
  return prefills.empty() ? 1 : nearest;
}

// What memory must have given of its rate for eta to be so, beside that of the arithmetic. Where
// less than half of the time hangs on memory, eta says too little of it for the whole difference.
double memory_part(double eta, double arithmetic, const StepTerms& terms) {
  constexpr double kLeastShare = 0.5;
  const double share = terms.weight[static_cast<std::size_t>(Source::kBandwidth)];
  const double power = share >= kLeastShare ? 1 / share : share / (kLeastShare * kLeastShare);
  return std::clamp(std::pow(eta / arithmetic, power), kLeastEta, kMostMemory);
}

void add_point(const MeasuredCurves& curves, const PreparedChain& prepared, double arithmetic,
               Residual& residual) {
  const ChainPoint& chain = curves.chains[prepared.chain];
  const StepTerms terms =
      step_terms(curves, prepared.part, prepared.part_profile, prepared.step, chain.threads);
  const double raw = terms.total() / chain.seconds;
  const double eta = std::clamp(raw, kLeastEta, kMostEta);
  if (eta != raw) {
    residual.clamped.push_back(
        fmt::format("{:.2f} at {} threads held at {:.2f}", raw, chain.threads, eta));
  }
  const double threads = chain.threads;
  residual.eta.add({threads, eta, chain.spread, chain.error});
  const double memory = prepared.step.prefill ? 1 : memory_part(eta, arithmetic, terms);
  const double left =
      step_terms(curves, prepared.part, prepared.part_profile, prepared.step, chain.threads, memory)
          .total() /
      terms.total() * eta;
  residual.memory.add({threads, memory, chain.spread, chain.error});
  residual.rest.add({threads, left, chain.spread, chain.error});
  residual.leaning.emplace_back(threads, terms.weight);
  const double whole =
      step_terms(curves, prepared.whole, prepared.whole_profile, prepared.step, chain.threads)
          .total();
  const double seconds = chain.seconds * whole / terms.total();
  residual.whole_tokens_per_second.add(
      {threads, static_cast<double>(prepared.step.rows) / seconds, chain.spread, chain.error});
}

}  // namespace

const std::array<double, kSources>& Residual::leaning_at(double threads) const {
  return std::min_element(leaning.begin(), leaning.end(),
                          [&](const auto& a, const auto& b) {
                            return std::abs(a.first - threads) < std::abs(b.first - threads);
                          })
      ->second;
}

std::vector<PreparedChain> prepare_chains(const std::vector<ChainPoint>& chains) {
  std::vector<PreparedChain> prepared;
  for (std::size_t i = 0; i < chains.size(); ++i) {
    const ChainPoint& chain = chains[i];
    try {
      const ModelShape whole = find_model(chain.model);
      ModelShape part = whole;
      part.layers = chain.layers;
      const EngineProfile profile = chain_profile(chain);
      EngineProfile whole_profile = profile;
      if (chain.regions > 0) {
        whole_profile.regions_fixed *=
            static_cast<double>(whole.layers) / static_cast<double>(chain.layers);
      }
      const bool prefill = chain.phase == "prefill";
      Workload part_work(part);
      if (!chain.head) part_work.head = {part_work.head.type, 0, 0};
      prepared.push_back(
          {i,
           std::move(part_work),
           Workload(whole),
           profile,
           whole_profile,
           {prefill, prefill ? chain.prompt_tokens : 1, chain.context_tokens, "f16"}});
    } catch (const Error&) {
      // A model of a later catalogue: nothing is known of its layers.
    }
  }
  return prepared;
}

std::vector<Residual> find_residuals(const MeasuredCurves& curves,
                                     const std::vector<PreparedChain>& chains) {
  std::vector<Residual> residuals;
  for (const std::string_view phase : {"prefill", "decode"}) {  // decode is taken apart by prefill
    std::map<std::string, Residual> found;
    for (const PreparedChain& prepared : chains) {
      const ChainPoint& chain = curves.chains[prepared.chain];
      if (chain.phase != phase) continue;
      Residual& residual = found[chain.model];
      residual.phase = chain.phase;
      residual.model = chain.model;
      residual.moe = prepared.whole.shape.is_moe();
      residual.weight_bytes_per_token = prepared.whole.weight_bytes_per_token();
      try {
        add_point(curves, prepared, arithmetic_part(residuals, chain.threads), residual);
      } catch (const Error&) {
        // A curve is missing: predict() says which.
      }
    }
    for (auto& [key, residual] : found) {
      if (!residual.eta.empty()) residuals.push_back(std::move(residual));
    }
  }
  return residuals;
}

double find_overlap(const MeasuredCurves& curves, const std::vector<PreparedChain>& chains) {
  MeasuredCurves tried = curves;
  double best = curves.overlap, least = std::numeric_limits<double>::infinity();
  for (const double power : kOverlaps) {
    tried.overlap = power;
    std::map<std::string, std::vector<double>> logs;  // of eta, by model
    for (const PreparedChain& prepared : chains) {
      const ChainPoint& chain = tried.chains[prepared.chain];
      if (chain.phase != "decode") continue;
      try {
        const StepTerms terms =
            step_terms(tried, prepared.part, prepared.part_profile, prepared.step, chain.threads);
        logs[chain.model].push_back(std::log(terms.total() / chain.seconds));
      } catch (const Error&) {
        // A curve is missing: predict() says which.
      }
    }
    double cost = std::pow(std::log2(power / curves.overlap) / kOverlapDoublings, 2);
    for (const auto& [model, values] : logs) {
      const double mean =
          std::reduce(values.begin(), values.end()) / static_cast<double>(values.size());
      for (const double value : values) cost += std::pow((value - mean) / kEtaDeviation, 2);
    }
    if (cost >= least) continue;
    least = cost;
    best = power;
  }
  return best;
}

ChosenResidual choose_residual(const std::vector<Residual>& residuals, std::string_view phase,
                               const Workload& work) {
  ChosenResidual chosen;
  double least = 0;
  for (const Residual& residual : residuals) {
    if (residual.phase != phase) continue;
    if (residual.model == work.spec) return {&residual, true};
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
