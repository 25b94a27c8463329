// vLLM binds its OpenMP threads to the CPUs of a list. Source: its CPU installation page.
#include "reports/advice/engines/engines.h"
#include "reports/advice/parts.h"

namespace mb {

EngineSettings vllm_settings(const EngineInput& input) {
  const PhaseAdvice& both = input.advice.compromise;
  EngineSettings made{.title = "vLLM on CPUs"};
  if (both.cpu_list && input.quota() == 0) {
    made.env["VLLM_CPU_OMP_THREADS_BIND"] = cpu_ranges(*both.cpu_list);
    made.notes.push_back("One part per rank, parts joined by |, each inside one NUMA node.");
  } else {
    made.env["VLLM_CPU_OMP_THREADS_BIND"] = "nobind";
    made.env["OMP_NUM_THREADS"] = std::to_string(both.threads);
    made.notes.push_back("nobind, because a CPU quota names no CPUs; auto would take every core.");
  }
  if (input.machine.usable_numa_nodes() > 1) {
    made.notes.push_back(
        "This machine has several NUMA nodes: run one rank a node (-tp) with one part each.");
  }
  return made;
}

}  // namespace mb
