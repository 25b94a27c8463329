// Register-only multiply-adds by every thread of a team: what the arithmetic units do when memory
// plays no part. FLOP/s of all threads together.
#pragma once
#include <fmt/format.h>

#include <vector>

#include "data/error.h"
#include "probes/core/probe.h"
#include "workloads/kernels/compute_fma.h"
#include "workloads/kernels/isa.h"

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

}  // namespace mb
