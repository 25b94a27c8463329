// What one synchronisation costs a team of threads, for each way that engines use.
//
//   barrier   many barriers inside one region, seconds of one: what a step pays per operation when
//   it
//             stays in the region
//   region    run() and return with an empty body: fork and join, what an engine pays that opens a
//             parallel region per operation
//
// `openmp_passive` is libgomp told to sleep (OMP_WAIT_POLICY=passive at load): one process has one
// policy, so the label is refused when the environment does not say so.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "data/error.h"
#include "probes/core/probe.h"

namespace mb {
namespace {

// A counter a rank, each on lines of its own, so that counting costs no line hand-off.
struct alignas(128) Passed {
  std::uint64_t count = 0;
};

std::string wait_policy() {
  const char* policy = std::getenv("OMP_WAIT_POLICY");
  return policy == nullptr ? "" : policy;
}

// OpenMP reads its variables without regard to case.
bool is_passive(const std::string& policy) {
  return std::ranges::equal(policy, std::string_view("passive"),
                            [](unsigned char a, char b) { return std::tolower(a) == b; });
}

class DispatchCase : public Case {
 public:
  explicit DispatchCase(PinnedTeam& team)
      : team_(team), passed_(static_cast<std::size_t>(team.size())) {}

  // Every rank has come to every synchronisation, and none runs ahead of another.
  void check() override {
    for (const Passed& rank : passed_) {
      if (rank.count != performed_) {
        throw Error(ErrorCode::kFailure,
                    fmt::format("a rank passed {} synchronisations of {}", rank.count, performed_));
      }
    }
    std::vector<Passed> round(passed_.size());
    std::vector<Passed> early(passed_.size());
    team_.run([&](int rank) {
      const auto me = static_cast<std::size_t>(rank);
      for (std::uint64_t i = 1; i <= kCheckedRounds; ++i) {
        round[me].count = i;
        team_.barrier(rank);
        for (const Passed& other : round) early[me].count += other.count < i ? 1u : 0u;
        team_.barrier(rank);
      }
    });
    for (const Passed& rank : early) {
      if (rank.count > 0) throw Error(ErrorCode::kFailure, "a rank left a barrier too early");
    }
  }

 protected:
  void pass(int rank) { ++passed_[static_cast<std::size_t>(rank)].count; }

  PinnedTeam& team_;
  std::uint64_t performed_ = 0;

 private:
  static constexpr std::uint64_t kCheckedRounds = 20;
  std::vector<Passed> passed_;
};

class BarrierCase final : public DispatchCase {
 public:
  using DispatchCase::DispatchCase;
  double seconds(std::uint64_t iterations) override {
    performed_ += iterations;
    return team_.timed([&](int rank) {
      for (std::uint64_t i = 0; i < iterations; ++i) {
        pass(rank);
        team_.barrier(rank);
      }
    });
  }
};

class RegionCase final : public DispatchCase {
 public:
  using DispatchCase::DispatchCase;
  double seconds(std::uint64_t iterations) override {
    performed_ += iterations;
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < iterations; ++i) {
      team_.run([this](int rank) { pass(rank); });
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
};

std::unique_ptr<Case> prepare(const PlannedPoint& point, Kit& kit) {
  const std::string operation = point.parameters.text_or("operation", "barrier");
  const std::string sync = point.parameters.text_or("sync", "spin");
  const std::string policy = wait_policy();
  const bool openmp = sync_from_string(sync) == Sync::kOpenMp;
  if (sync == "openmp_passive" && !is_passive(policy)) {
    throw Error(ErrorCode::kNotAvailable,
                "libgomp waits actively in this process; start it with OMP_WAIT_POLICY=passive");
  }
  if (sync == "openmp" && is_passive(policy)) {
    throw Error(ErrorCode::kNotAvailable,
                "libgomp waits passively in this process; unset OMP_WAIT_POLICY");
  }
  PinnedTeam& team = kit.team(point.parameters);
  std::unique_ptr<Case> prepared;
  if (operation == "barrier") {
    prepared = std::make_unique<BarrierCase>(team);
  } else if (operation == "region") {
    prepared = std::make_unique<RegionCase>(team);
  } else {
    throw Error(ErrorCode::kUsage,
                fmt::format("operation '{}': expected barrier or region", operation));
  }
  if (openmp) prepared->notes["wait_policy"] = policy.empty() ? "default" : policy;
  const std::vector<int>& pus = team.pus();
  std::vector<int> distinct = pus;
  std::ranges::sort(distinct);
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() < pus.size()) prepared->notes["oversubscribed"] = "threads share CPUs";
  return prepared;
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"dispatch_overhead",
       "seconds of one barrier and of one parallel region against the number of threads",
       mb::prepare});
}
