// What must only go one way, on drawn machines: more memory bandwidth never slows decode, and
// slower barriers never raise an advised count. MONOTONE_CASES in the environment draws more
// machines than 100 (the target `nightly` 10,000); violations are recorded (--gtest_output=xml).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "reports/advice/parts.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;

int cases_wanted() {
  const char* text = std::getenv("MONOTONE_CASES");
  return text == nullptr ? 100 : std::atoi(text);
}

class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  double between(double low, double high) {  // alike in every octave
    return std::exp(std::uniform_real_distribution<double>(std::log(low), std::log(high))(random_));
  }
  bool chance(double share) {
    return std::uniform_real_distribution<double>(0, 1)(random_) < share;
  }

  // With the chains of two models measured, or their parts alone.
  Laws laws() {
    Laws laws;
    laws.cores = static_cast<int>(between(2, 32.99));
    laws.smt = chance(0.5) ? 2 : 1;
    laws.bandwidth_one = between(5e9, 40e9);
    laws.bandwidth_all = laws.bandwidth_one * between(1, laws.cores);
    laws.matvec_one = between(10e9, 80e9);
    laws.matmul_one = between(20e9, 200e9);
    laws.attention_one = between(5e9, 100e9);
    laws.barrier_two = between(2e-8, 5e-6);
    laws.cliff = between(0.5, 1);
    laws.recovery = between(0.05, 0.5);
    laws.efficiency = between(0.6, 1);
    if (chance(0.5)) laws.models = {};
    return laws;
  }

  struct Asked {
    std::string model, engine;
    std::int64_t context;
  };
  Asked asked() {
    constexpr const char* kModels[] = {"gemma-3-270m:q4_0", "qwen3-4b:q4_0", "llama-3.1-8b:q4_0",
                                       "qwen3-30b-a3b:q4_0"};
    return {kModels[static_cast<std::size_t>(between(1, 4.999)) - 1],
            chance(0.5) ? "generic" : "llama.cpp-threadpool",
            static_cast<std::int64_t>(between(1, 16384))};
  }

 private:
  std::mt19937 random_;
};

// Predictions and advice of both phases, without redraws: confidence is not asked.
struct Advised {
  Results results;
  MachineModel model;
  EngineProfile engine;
  AdviceContext context;
  Workload work;

  Advised(const Laws& laws, const Draw::Asked& asked)
      : results(synthetic::results(laws)),
        model(results),
        engine(find_engine_profile(asked.engine)),
        context{results,
                model,
                engine,
                0.02,
                {"", 512, asked.context, "f16"},
                results.machine.limits.effective_cpus},
        work(find_model(asked.model)) {}

  ByThreads predict(const char* phase) const {
    Query query = context.query;
    query.phase = phase;
    ByThreads made;
    for (int threads = 1; threads <= context.budget; ++threads) {
      made.emplace(threads, model.predict(work, engine, query, threads));
    }
    return made;
  }
  int threads(const char* phase) const {
    return advise_phase(context, work, predict(phase), {}).threads;
  }
};

std::string told(const Laws& laws, const Draw::Asked& asked, double factor) {
  return asked.model + ", " + asked.engine + ", context " + std::to_string(asked.context) +
         ", cores " + std::to_string(laws.cores) + ", factor " + std::to_string(factor) +
         (laws.models.empty() ? ", parts alone" : ", with steps");
}

// With the parts alone measured there is nothing that could hide bandwidth: not one case may lose.
// With measured steps a decode's efficiency is taken apart by that of prefill, which the terms know
// within a per cent or two (these machines compute the head's one row as quickly as any other, the
// terms as a matrix-vector product); that much is booked as another rate of memory, and with it the
// gain of an engine at the edge of memory and compute. Such cases are counted, and the bound is
// half as much again as the worst of 10,000.
TEST(Monotone, MoreBandwidthNeverLowersDecode) {
  Draw draw(8);
  constexpr double kRounding = 1e-9, kEdge = 0.025;
  int of_parts = 0, of_steps = 0, steps = 0;
  double most = 0;
  for (int i = 0; i < cases_wanted(); ++i) {
    const Laws laws = draw.laws();
    const Draw::Asked asked = draw.asked();
    const double factor = draw.between(1.02, 4);
    Laws wider = laws;
    wider.bandwidth_one *= factor;
    wider.bandwidth_all *= factor;
    const ByThreads before = Advised(laws, asked).predict("decode");
    const ByThreads after = Advised(wider, asked).predict("decode");
    double lost = 0;
    for (const auto& [threads, seen] : before) {
      lost = std::max(lost, 1 - after.at(threads).tokens_per_second / seen.tokens_per_second);
    }
    const bool with_steps = !laws.models.empty();
    steps += with_steps;
    if (lost > kRounding) ++(with_steps ? of_steps : of_parts);
    if (with_steps) most = std::max(most, lost);
    EXPECT_LE(lost, with_steps ? kEdge : kRounding) << told(laws, asked, factor);
  }
  RecordProperty("violations_of_parts", of_parts);
  RecordProperty("violations_with_steps", of_steps);
  RecordProperty("cases_with_steps", steps);
  RecordProperty("most_lost", std::to_string(most));
}

TEST(Monotone, SlowerBarriersNeverRaiseTheAdvice) {
  Draw draw(9);
  int violations = 0;
  for (int i = 0; i < cases_wanted(); ++i) {
    const Laws laws = draw.laws();
    const Draw::Asked asked = draw.asked();
    const double factor = draw.between(1.02, 100);
    Laws slower = laws;
    slower.barrier_two *= factor;
    const Advised before(laws, asked), after(slower, asked);
    for (const char* phase : {"prefill", "decode"}) {
      const int then = before.threads(phase), now = after.threads(phase);
      violations += now > then;
      EXPECT_LE(now, then) << phase << ", " << told(laws, asked, factor);
    }
  }
  RecordProperty("violations", violations);
}

}  // namespace
}  // namespace mb
