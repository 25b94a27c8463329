// Programs on OpenMP: PyTorch by OMP_PLACES, GCC's runtime by its own list as well. Sources:
// PyTorch's page on threading variables, the libgomp manual.
#include <fmt/format.h>

#include "reports/advice/engines/engines.h"

namespace mb {
namespace {

// One place for each CPU, in the order of the list.
std::string omp_places(const std::vector<int>& cpus) {
  std::string places;
  for (const int cpu : cpus) places += fmt::format("{}{{{}}}", places.empty() ? "" : ",", cpu);
  return places;
}

}  // namespace

EngineSettings pytorch_settings(const EngineInput& input) {
  const PhaseAdvice& both = input.advice.compromise;
  EngineSettings made{.title = "PyTorch and other OpenMP programs"};
  made.env = {{"OMP_NUM_THREADS", std::to_string(both.threads)},
              {"MKL_NUM_THREADS", std::to_string(both.threads)}};
  if (const auto* cpus = input.pin(both)) {
    made.env["OMP_PLACES"] = omp_places(*cpus);
    made.env["OMP_PROC_BIND"] = "close";
    made.notes.push_back("Two programs with the same places share the same cores.");
  }
  made.notes.push_back(
      "MKL_NUM_THREADS wins over OMP_NUM_THREADS inside MKL; both must be set before the first "
      "tensor.");
  if (input.advice.prefill.threads != input.advice.decode.threads) {
    made.notes.push_back(
        fmt::format("torch.set_num_threads({}) before generation and ({}) before a prompt gives "
                    "each phase its own count.",
                    input.advice.decode.threads, input.advice.prefill.threads));
  }
  return made;
}

EngineSettings openmp_settings(const EngineInput& input) {
  const PhaseAdvice& both = input.advice.compromise;
  EngineSettings made{.title = "Programs on GCC's OpenMP (libgomp)"};
  made.env = {{"OMP_NUM_THREADS", std::to_string(both.threads)}, {"OMP_DYNAMIC", "false"}};
  if (const auto* cpus = input.pin(both)) {
    std::string list;
    for (const int cpu : *cpus) list += fmt::format("{}{}", list.empty() ? "" : " ", cpu);
    made.env["GOMP_CPU_AFFINITY"] = list;
    made.notes.push_back("OMP_PROC_BIND wins over GOMP_CPU_AFFINITY: leave it unset here.");
  }
  made.notes.push_back(
      "OMP_WAIT_POLICY=passive frees waiting CPUs for others and costs every parallel region a "
      "wake-up: see the dispatch table of the report.");
  return made;
}

}  // namespace mb
