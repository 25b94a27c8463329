// eta is kept between 0.2 and 1.25. Above: the terms join memory and compute with at most 19 % of
// loss, so a step that beats them by more was served from somewhere the probes did not see. Below:
// the terms do not describe this step at all. Either way the curve says so and the verdict is
// noisy.
#include "reports/model/residual.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "data/error.h"

namespace mb {
namespace {

constexpr double kLeastEta = 0.2, kMostEta = 1.25;
// Of the measured bandwidth: what a guest's memory was seen to change by from minute to minute.
constexpr double kMostMemory = 2;
// Of a step's time, from which on what it takes is laid to memory in full.
constexpr double kLeastShare = 0.5;

// What a decode step's memory rate says of other steps. A guest's memory changes its state between
// the chain and the stream that its rate is held against: both tell of it alike, so as in
// MeasuredCurves::reconcile_pages their ratio is drawn towards the usual one and they meet in the
// middle. `spread` is of both together, with what their visits do not show of other minutes.
double memory_beyond_the_chain(const Machine& machine, double memory, double spread) {
  const double of_the_chain = (1 + ratio_trust(spread)) / 2;
  return machine.hypervisor ? kUsualMemory * std::pow(memory / kUsualMemory, of_the_chain) : memory;
}

EngineProfile chain_profile(const ChainPoint& chain) {
  EngineProfile profile = find_engine_profile("generic");
  profile.sync = chain.sync;
  profile.weights_page = chain.page;
  profile.ubatch = chain.micro_batch;
  profile.dynamic_chunks = false;
  if (chain.regions > 0) {
    profile.regions_per_layer_dense = profile.regions_per_layer_moe = 0;
    profile.regions_fixed = chain.regions;
  }
  return profile;
}

// What the arithmetic of prefill got of its rate on so many threads. Of dense models where there
// are any, since what an expert's few rows get is between two measured rates; of several the figure
// nearest to 1, since a model that the terms describe badly tells of itself. 1 without any. A
// guest's cores change their speed between the products and the chain, and decode's chain met yet
// another minute: of what the ratio is away from 1 only a part is carried over.
double arithmetic_part(const Machine& machine, const std::vector<Residual>& prefills,
                       double threads) {
  const bool dense = std::any_of(prefills.begin(), prefills.end(),
                                 [](const Residual& prefill) { return !prefill.moe; });
  double nearest = kLeastEta;
  for (const Residual& prefill : prefills) {
    if (prefill.moe && dense) continue;
    const double eta = prefill.least_eta.at(threads).value;
    if (std::abs(std::log(eta)) < std::abs(std::log(nearest))) nearest = eta;
  }
  if (prefills.empty()) return 1;
  return machine.hypervisor ? std::pow(nearest, kRatioTrust) : nearest;
}

// How memory and compute must have met for eta to be so, beside the efficiency of the arithmetic:
// as sharply as that asks for, and where even a whole overlap (`least_eta`) does not do, at another
// rate of memory. Where less than half of the time hangs on memory, eta says too little of it for
// the whole difference.
Meeting meeting(double eta, double least_eta, double arithmetic, const StepTerms& terms) {
  Meeting found;
  if (eta > least_eta) {
    found.overlap = std::clamp(std::log(eta / arithmetic) / std::log(eta / least_eta), 0.0, 1.0);
  }
  const double left = eta / std::pow(eta / least_eta, found.overlap) / arithmetic;
  const double share = terms.weight[static_cast<std::size_t>(Source::kBandwidth)];
  const double power = share >= kLeastShare ? 1 / share : share / (kLeastShare * kLeastShare);
  found.memory = std::clamp(std::pow(left, power), kLeastEta, kMostMemory);
  return found;
}

// Where reads beside arithmetic get less than usual, and their rate is the cores' to ask for, it is
// the arithmetic that keeps them from asking: an engine that computes for longer loses more. So
// what a step takes beyond the usual loss is then laid to how little both overlap, and the rest to
// memory. `most_apart`: share_asked_for.
Meeting taken_apart(const Meeting& met, double most_apart,
                    const std::function<double(const Meeting&)>& seconds) {
  if (met.memory >= kUsualMemory || met.overlap > 0 || most_apart <= 0) return met;
  const double wanted = seconds(met), usual = seconds({kUsualMemory, 0});
  const double apart = seconds({kUsualMemory, -most_apart});
  if (apart <= usual) return met;
  Meeting taken;
  taken.overlap =
      -most_apart * std::clamp(std::log(wanted / usual) / std::log(apart / usual), 0.0, 1.0);
  taken.memory = kUsualMemory * std::min(1.0, apart / wanted);
  return taken;
}

// How a chain's reads and arithmetic met, and how far apart so many threads could take them.
struct MetChain {
  const PreparedChain* prepared;
  Meeting meeting;
  double most_apart;
};

// Whether arithmetic keeps a core from asking for the next lines is the core's own and alike on all
// counts of threads, but what a count's chain says of it hangs on the minute that it met and on
// that of the stream it is held against; an engine that computes for longer feels it several times
// over. So the counts share one figure, and what is left of each one's difference is memory's.
void share_overlap(const MeasuredCurves& curves, std::vector<MetChain>& chains) {
  double apart = 0, most = 0;
  for (const MetChain& chain : chains) {
    if (chain.meeting.overlap > 0) return;
    apart -= chain.meeting.overlap;
    most += chain.most_apart;
  }
  if (chains.size() < 2 || apart <= 0) return;
  for (MetChain& chain : chains) {
    const PreparedChain& prepared = *chain.prepared;
    const auto met_so = [&](const Meeting& meeting) {
      return step_terms(curves, prepared.part, prepared.part_profile, prepared.step,
                        curves.chains[prepared.chain].threads, meeting);
    };
    const double wanted = met_so(chain.meeting).total();
    chain.meeting.overlap = -chain.most_apart * apart / most;
    constexpr int kSteps = 3;  // towards the memory that keeps the chain at what it took
    for (int step = 0; step < kSteps; ++step) {
      const StepTerms found = met_so(chain.meeting);
      const double share = std::max(kLeastShare, found[Term::kWeights] / found.total());
      const double change = std::pow(found.total() / wanted, 1 / share);
      chain.meeting.memory = std::clamp(chain.meeting.memory * change, kLeastEta, kMostMemory);
    }
  }
}

// All but how reads and arithmetic met, which is returned.
MetChain add_point(const MeasuredCurves& curves, const PreparedChain& prepared, double arithmetic,
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
  const double least = eta * terms.hardest_seconds / terms.total();
  residual.least_eta.add({threads, least, chain.spread, chain.error});
  const auto seconds = [&](const Meeting& met) {
    return step_terms(curves, prepared.part, prepared.part_profile, prepared.step, chain.threads,
                      met)
        .total();
  };
  const double most_apart = share_asked_for(curves, prepared.part_profile.weights_page, threads,
                                            prepared.part.weight_bytes_per_token());
  Meeting met = prepared.step.prefill ? Meeting{} : meeting(eta, least, arithmetic, terms);
  const double left = seconds(taken_apart(met, most_apart, seconds)) / terms.total() * eta;
  const double spread =
      std::hypot(chain.spread, terms.spread[static_cast<std::size_t>(Source::kBandwidth)]);
  if (!prepared.step.prefill) {
    met.memory = memory_beyond_the_chain(curves.machine, met.memory, spread);
    met = taken_apart(met, most_apart, seconds);
  }
  residual.rest.add({threads, left, chain.spread, chain.error});
  residual.leaning.emplace_back(threads, terms.weight);
  const double whole =
      step_terms(curves, prepared.whole, prepared.whole_profile, prepared.step, chain.threads)
          .total();
  const double whole_seconds = chain.seconds * whole / terms.total();
  residual.whole_tokens_per_second.add({threads,
                                        static_cast<double>(prepared.step.rows) / whole_seconds,
                                        chain.spread, chain.error});
  return {&prepared, met, most_apart};
}

void add_meetings(const MeasuredCurves& curves, const std::vector<MetChain>& chains,
                  Residual& residual) {
  for (const MetChain& each : chains) {
    const ChainPoint& chain = curves.chains[each.prepared->chain];
    const auto threads = static_cast<double>(chain.threads);
    residual.memory.add({threads, each.meeting.memory, chain.spread, chain.error});
    residual.overlap.add({threads, each.meeting.overlap, chain.spread, chain.error});
  }
}

}  // namespace

Meeting Residual::meeting_at(double threads) const {
  return {memory.at(threads).value, overlap.at(threads).value};
}

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
    std::map<std::string, std::vector<MetChain>> met;
    for (const PreparedChain& prepared : chains) {
      const ChainPoint& chain = curves.chains[prepared.chain];
      if (chain.phase != phase) continue;
      Residual& residual = found[chain.model];
      residual.phase = chain.phase;
      residual.model = chain.model;
      residual.moe = prepared.whole.shape.is_moe();
      residual.weight_bytes_per_token = prepared.whole.weight_bytes_per_token();
      try {
        const double arithmetic = arithmetic_part(curves.machine, residuals, chain.threads);
        met[chain.model].push_back(add_point(curves, prepared, arithmetic, residual));
      } catch (const Error&) {
        // A curve is missing: predict() says which.
      }
    }
    for (auto& [key, residual] : found) {
      if (curves.machine.hypervisor && phase == "decode") share_overlap(curves, met[key]);
      add_meetings(curves, met[key], residual);
      if (!residual.eta.empty()) residuals.push_back(std::move(residual));
    }
  }
  return residuals;
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
