// Arithmetic on registers alone by every thread of a team: what the units do when memory plays no
// part. FLOP/s (or int8 operations) of all threads together.
#pragma once
#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "data/error.h"
#include "probes/core/probe.h"
#include "workloads/kernels/compute_bf16.h"
#include "workloads/kernels/compute_fma.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/matmul_panels.h"

namespace mb {

class ComputeCase final : public Case {
 public:
  explicit ComputeCase(PinnedTeam& team) : team_(team), means_(pus()) {
    quantity = "rate";
    unit = Unit::kFlopsPerSecond;
    amount_per_iteration = compute_fma_flops_per_pass() * static_cast<double>(team.size());
    notes["isa"] = chosen_isa();
  }

  double seconds(std::uint64_t iterations) override {
    return team_.timed([this, iterations](int rank) {
      means_[static_cast<std::size_t>(rank)].value = compute_fma(iterations);
    });
  }

  void check() override {
    for (const Mean& mean : means_) {
      if (mean.value == 1.0F) continue;
      throw Error(ErrorCode::kFailure,
                  fmt::format("multiply-adds ended at {}, expected 1; this CPU does not compute "
                              "reliably",
                              mean.value));
    }
  }

 private:
  struct alignas(128) Mean {  // two lines: neighbours are fetched in pairs
    float value = 0;
  };
  std::size_t pus() const { return static_cast<std::size_t>(team_.size()); }

  PinnedTeam& team_;
  std::vector<Mean> means_;
};

// The int8 products of the panel kernels.
class Int8Case final : public Case {
 public:
  Int8Case(PinnedTeam& team, const PanelPeak& peak)
      : team_(team), peak_(peak), sums_(static_cast<std::size_t>(team.size())) {
    quantity = "throughput";
    unit = Unit::kFlopsPerSecond;
    amount_per_iteration = peak.ops_per_pass * team.size();
    notes["isa"] = matmul_panels_isa();
  }

  double seconds(std::uint64_t iterations) override {
    passes_ = iterations;
    return team_.timed(
        [&](int rank) { sums_[static_cast<std::size_t>(rank)].value = peak_.run(iterations); });
  }

  void check() override {
    const auto expected =
        static_cast<std::uint32_t>(passes_) * static_cast<std::uint32_t>(kPanelPeakSumPerPass);
    for (const Sum& sum : sums_) {
      if (static_cast<std::uint32_t>(sum.value) == expected) continue;
      throw Error(
          ErrorCode::kFailure,
          fmt::format("int8 products added up to {}, expected {}; this CPU does not compute "
                      "reliably",
                      sum.value, expected));
    }
  }

 private:
  struct alignas(128) Sum {
    std::int32_t value = 0;
  };
  PinnedTeam& team_;
  PanelPeak peak_;
  std::uint64_t passes_ = 0;
  std::vector<Sum> sums_;
};

// bf16 dot products, where the CPU has an instruction for them.
class Bf16Case final : public Case {
 public:
  Bf16Case(PinnedTeam& team, const Bf16Peak& peak)
      : team_(team), peak_(peak), means_(static_cast<std::size_t>(team.size())) {
    quantity = "throughput";
    unit = Unit::kFlopsPerSecond;
    amount_per_iteration = peak.flops_per_pass * team.size();
    notes["isa"] = peak.isa;
  }

  double seconds(std::uint64_t iterations) override {
    return team_.timed(
        [&](int rank) { means_[static_cast<std::size_t>(rank)].value = peak_.run(iterations); });
  }

  void check() override {
    for (const Mean& mean : means_) {
      constexpr float kRounding = 1e-5F;
      if (std::abs(mean.value - 1.0F) <= kRounding) continue;
      throw Error(ErrorCode::kFailure,
                  fmt::format("bf16 products ended at {}, expected 1; this CPU does not compute "
                              "reliably",
                              mean.value));
    }
  }

 private:
  struct alignas(128) Mean {
    float value = 0;
  };
  PinnedTeam& team_;
  Bf16Peak peak_;
  std::vector<Mean> means_;
};

}  // namespace mb
