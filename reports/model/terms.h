// The terms of one step (DESIGN section 5), before the residual efficiency: seconds for weights,
// compute, attention, dispatch and serial work, and how the total leans on each measured source.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "reports/model/machine_model.h"
#include "reports/model/measured.h"
#include "reports/model/workload.h"

namespace mb {

enum class Term { kWeights, kCompute, kAttention, kDispatch, kSerial };
inline constexpr int kTerms = 5;
std::string_view to_string(Term term);  // weights compute attention dispatch serial

// What was measured once and enters terms: their errors are shared by all terms that use them.
enum class Source { kBandwidth, kMatvec, kMatmul, kAttention, kDispatch };
inline constexpr int kSources = 5;

struct StepTerms {
  std::array<double, kTerms> seconds{};
  // What weights, compute and attention would take at the rates of our kernels, an engine's own
  // efficiencies apart.
  double roofline_seconds = 0;
  // The total if memory and compute overlapped wholly, so that the longer of both alone counts.
  double hardest_seconds = 0;
  std::string_view served_from = "dram";  // the level that most of the weights come from
  // d ln(total) / d ln(source), and the source's deviation.
  std::array<double, kSources> weight{}, spread{};

  double total() const;
  double& operator[](Term term) { return seconds[static_cast<std::size_t>(term)]; }
  double operator[](Term term) const { return seconds[static_cast<std::size_t>(term)]; }
};

struct Step {
  bool prefill = false;
  std::int64_t rows = 1;    // new tokens of a sequence
  std::int64_t cached = 0;  // positions before them
  std::string_view kv_type = "f16";
  std::int64_t batch = 1, instances = 1;
};

// What reads beside arithmetic usually get of the rate of reads alone: steps of Qwen3 4B on a Zen 4
// guest (docs/likeness-zen4.md).
inline constexpr double kUsualMemory = 0.87;

// What the measured steps say of how a step's reads and arithmetic meet (residual.h).
struct Meeting {
  double memory = 1;  // what reads beside arithmetic get of the measured bandwidth
  // 0: memory and compute join as the power says; 1: wholly hidden; -1: one after the other, below
  // that longer than both.
  double overlap = 0;
};

// How far the rate of reads is the cores' to ask for: 1 where it grows with the threads, 0 where it
// is half of that or less. Threads that memory holds up fill each other's gaps.
double share_asked_for(const MeasuredCurves& curves, const std::string& page, double threads,
                       double bytes);

// Throws Error(kUntrustworthy) when bandwidth or matrix rates were not measured at all.
StepTerms step_terms(const MeasuredCurves& curves, const Workload& work,
                     const EngineProfile& engine, const Step& step, int threads,
                     const Meeting& meeting = {});

}  // namespace mb
