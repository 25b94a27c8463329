// What pairs of PUs are to one another, in two matrices:
//   handoff     seconds until a line that one PU wrote is seen by another. Two threads answer each
//               other's number on one line; a round trip is two hand-offs. Siblings of a core,
//               cores of one L3, other L3 domains and other sockets stand apart.
//   contention  FLOP/s of register-only multiply-adds by one PU (from_pu) or by two at once. Two
//               that share a core do little more than one; all others do twice as much.
// data/plan/topology_check tells from both which PUs really share what.
#include <fmt/format.h>

#include <atomic>
#include <chrono>

#include "data/error.h"
#include "probes/compute_case.h"
#include "probes/core/probe.h"

namespace mb {
namespace {

class HandoffCase final : public Case {
 public:
  explicit HandoffCase(PinnedTeam& team) : team_(team) {}

  double seconds(std::uint64_t iterations) override {
    const std::uint64_t first = said_, last = said_ + iterations;
    said_ = last;
    // A round trip is two hand-offs, one iteration is one of them.
    const double taken = team_.timed([&](int rank) {
      if (rank == 0) {
        for (std::uint64_t i = first; i < last; ++i) {
          ball_.word.store(2 * i + 1, std::memory_order_release);
          await(2 * i + 2);
        }
      } else {
        for (std::uint64_t i = first; i < last; ++i) {
          await(2 * i + 1);
          ball_.word.store(2 * i + 2, std::memory_order_release);
        }
      }
    });
    return taken / 2;
  }

  void check() override {
    if (ball_.word.load() == 2 * said_) return;
    throw Error(ErrorCode::kFailure, "the two threads lost count of their hand-offs");
  }

 private:
  struct alignas(128) Ball {
    std::atomic<std::uint64_t> word{0};
  };
  // Bounded in time: a partner that lost its CPU ends in an error, never in a hang. The clock is
  // read seldom, because a look must stay cheap.
  void await(std::uint64_t value) const {
    using std::chrono::steady_clock;
    constexpr int kLooksPerReading = 1 << 20;  // about a millisecond
    const std::chrono::duration<double> patience(kTeamPatienceSeconds);
    const auto said = [&] { return ball_.word.load(std::memory_order_acquire) == value; };
    if (said()) return;
    for (steady_clock::time_point first{};;) {
      for (int look = 0; look < kLooksPerReading; ++look) {
        if (said()) return;
      }
      const auto now = steady_clock::now();
      if (first == steady_clock::time_point{}) first = now;
      if (now - first > patience) break;
    }
    throw Error(ErrorCode::kNotAvailable,
                "the other thread did not answer; run again with both CPUs free");
  }

  PinnedTeam& team_;
  Ball ball_;
  std::uint64_t said_ = 0;
};

std::unique_ptr<Case> prepare(const PlannedPoint& point, Kit& kit) {
  const Parameters& parameters = point.parameters;
  const std::string operation = parameters.text_or("operation", "handoff");
  const auto from = parameters.number("from_pu"), to = parameters.number("to_pu");
  const bool contention = operation == "contention";
  if ((!contention && operation != "handoff") || !from || (!to && !contention) ||
      (to && *from == *to)) {
    throw Error(ErrorCode::kUsage,
                "expected operation handoff with two different PUs, from_pu and to_pu (OS "
                "indices), or contention with one or two");
  }
  std::vector<int> pus{static_cast<int>(*from)};
  if (to) pus.push_back(static_cast<int>(*to));
  PinnedTeam& team = kit.team(pus, Sync::kSpin);
  if (contention) return std::make_unique<ComputeCase>(team);
  return std::make_unique<HandoffCase>(team);
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"core_to_core",
       "Pairs of PUs: seconds until a line written on one is seen on the other, and what both "
       "compute at once.",
       mb::prepare, /*in_nanoseconds=*/true});
}
