// How long advice takes: the whole catalogue, levers and confidence with it. The bar is 200 ms.
//   build/release/bin/advise_bench        (configure with -DBUILD_TESTING=ON)
#include <benchmark/benchmark.h>

#include "reports/advice/advise.h"
#include "reports/advice/scenario.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

Results machine_of(benchmark::State& state) {
  synthetic::Laws laws;
  laws.cores = static_cast<int>(state.range(0));
  laws.smt = laws.cores > 2 ? 2 : 1;
  laws.bandwidth_all = 20e9 * std::max(3, laws.cores / 3);
  return synthetic::results(laws);
}

void BM_RecommendCatalogue(benchmark::State& state) {
  const Results results = machine_of(state);
  for (auto _ : state) benchmark::DoNotOptimize(advise(results, AdviceRequest{}));
}
BENCHMARK(BM_RecommendCatalogue)->Arg(2)->Arg(12)->Arg(96)->Unit(benchmark::kMillisecond);

void BM_RecommendOne(benchmark::State& state) {
  const Results results = machine_of(state);
  AdviceRequest request;
  request.models = {"qwen3-30b-a3b:q4_0"};
  for (auto _ : state) benchmark::DoNotOptimize(advise(results, request));
}
BENCHMARK(BM_RecommendOne)->Arg(2)->Arg(12)->Arg(96)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mb

BENCHMARK_MAIN();
