// The residual efficiency eta(T): what the terms predict for the measured chain of layers over what
// that chain took. The chain already contains barriers and attention, so it is not added to the
// terms; it only scales them. One curve for each phase and measured model.
//
// That of decode is applied in two parts: to the bandwidth before memory and compute join, and to
// all terms after. What prefill's chains lose is the arithmetic's; what decode's lose beyond that
// is memory's, for which an engine whose cores are slower than ours waits less. Together the parts
// make the chain's own prediction what it took.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reports/model/curves.h"
#include "reports/model/measured.h"
#include "reports/model/terms.h"

namespace mb {

struct Residual {
  std::string phase, model;
  bool moe = false;
  double weight_bytes_per_token = 0;
  Curve eta;           // over threads, as is rest
  Curve memory, rest;  // the parts of eta: of the bandwidth, and of all terms then
  // How the predicted chain leans on each source: errors that chain and prediction share cancel.
  std::vector<std::pair<double, std::array<double, kSources>>> leaning;
  Curve whole_tokens_per_second;     // the chain's time scaled to the whole model
  std::vector<std::string> clamped;  // "eta 3.1 at 4 threads held at 1.25"

  const std::array<double, kSources>& leaning_at(double threads) const;
};

// A measured chain with what predicting it needs, made once for all redraws of the machine.
struct PreparedChain {
  std::size_t chain = 0;  // index into MeasuredCurves::chains
  Workload part, whole;   // the layers that ran; the whole model
  EngineProfile part_profile, whole_profile;
  Step step;
};
// Chains of models that this catalogue does not know are left out.
std::vector<PreparedChain> prepare_chains(const std::vector<ChainPoint>& chains);

// The power with which memory and compute join in the measured decode steps: of 2 to 64 (all but
// the hard maximum) the one that leaves eta most alike over the thread counts of each model. Where
// no step is near the edge between both they cannot tell, and it stays at 4.
double find_overlap(const MeasuredCurves& curves, const std::vector<PreparedChain>& chains);

std::vector<Residual> find_residuals(const MeasuredCurves& curves,
                                     const std::vector<PreparedChain>& chains);

struct ChosenResidual {
  const Residual* residual = nullptr;  // nullptr: no step of this phase was measured
  bool same_model = false;
};

// The same model's, else of the same kind (dense or experts), else any; nearest in bytes a token.
ChosenResidual choose_residual(const std::vector<Residual>& residuals, std::string_view phase,
                               const Workload& work);

}  // namespace mb
