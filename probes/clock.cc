// The effective clock without counters, against active cores and against vector width: every thread
// runs a chain of additions, one cycle each, alone (vector_bits 0) or beside multiply-adds of 128,
// 256 or 512 bits. Wide vectors and many active cores lower the clock of many CPUs; a guest cannot
// see it otherwise. The sample is the clock of the slowest thread.
//
// Held for minutes (--sustain 120s) it shows heat and used-up CPU credits.
#include <fmt/format.h>

#include "data/error.h"
#include "probes/core/clock_chain.h"
#include "probes/core/probe.h"

namespace mb {
namespace {

constexpr long kTurnsPerIteration = 500;  // 10,000 cycles, a few microseconds

class ClockCase final : public Case {
 public:
  ClockCase(PinnedTeam& team, int vector_bits) : team_(team), vector_bits_(vector_bits) {
    quantity = "clock";
    unit = Unit::kHertz;
    amount_per_iteration = static_cast<double>(kTurnsPerIteration * kAdditionsPerTurn);
  }

  double seconds(std::uint64_t iterations) override {
    const long turns = static_cast<long>(iterations) * kTurnsPerIteration;
    return team_.timed([this, turns](int) { run_clock_chain(turns, vector_bits_); });
  }

 private:
  PinnedTeam& team_;
  const int vector_bits_;
};

std::unique_ptr<Case> prepare(const PlannedPoint& point, Kit& kit) {
  const Parameters& parameters = point.parameters;
  const auto bits = static_cast<int>(parameters.number_or("vector_bits", 0));
  const std::string operation = parameters.text_or("operation", "chain");
  if (operation != "chain" || (bits != 0 && bits != 128 && bits != 256 && bits != 512)) {
    throw Error(ErrorCode::kUsage, "expected operation chain with vector_bits 0, 128, 256 or 512");
  }
  if (!has_vector_bits(bits)) {
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("this CPU has no multiply-adds of {} bits", bits));
  }
  return std::make_unique<ClockCase>(kit.team(parameters), bits);
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"clock", "Effective clock without counters, against active cores and vector width.",
       mb::prepare, /*in_nanoseconds=*/true});
}
