// The residual efficiency eta(T): what the terms predict for the measured chain of layers over what
// that chain took. The chain already contains barriers and attention, so it is not added to the
// terms; it only scales them. One curve for each phase and measured model.
//
// That of decode is applied in parts. What prefill's chains lose is the arithmetic's and scales all
// terms. A decode chain that lost less than that hid one of memory and compute behind the other
// better than the terms' join has it, which no step away from their edge gains by; what even a
// whole overlap cannot explain, and what the chain lost beyond the arithmetic, is memory's, for
// which an engine whose cores are slower than ours waits less. More than the usual loss, where the
// rate is the cores' to ask for, means that the arithmetic keeps them from asking: then both
// overlap less than the join has it (DECISIONS 103); on a guest all counts of threads share by how
// much (DECISIONS 110). Together the parts make the chain's own prediction what it took, or on a
// guest what it would have taken in a minute between its own and its stream's.
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
  // Over threads: eta, and what it would be if memory and compute overlapped wholly.
  Curve eta, least_eta;
  // The parts of eta: of the bandwidth, of how memory and compute meet, and of all terms then.
  Curve memory, overlap, rest;
  // How the predicted chain leans on each source: errors that chain and prediction share cancel.
  std::vector<std::pair<double, std::array<double, kSources>>> leaning;
  Curve whole_tokens_per_second;     // the chain's time scaled to the whole model
  std::vector<std::string> clamped;  // "eta 3.1 at 4 threads held at 1.25"

  Meeting meeting_at(double threads) const;
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
