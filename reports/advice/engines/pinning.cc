// Lines that set any program's CPUs: numactl(8), taskset(1), Slurm's sbatch and srun.
#include <fmt/format.h>

#include <algorithm>

#include "reports/advice/engines/engines.h"
#include "reports/advice/parts.h"

namespace mb {
namespace {

const char* const kNothingToPin =
    "No list: every usable CPU is needed, or the budget is a quota, which names no CPUs.";

}  // namespace

EngineSettings numactl_settings(const EngineInput& input) {
  EngineSettings made{.title = "numactl"};
  const auto* cpus = input.pin(input.advice.compromise);
  if (cpus == nullptr) {
    made.env = common_environment(input.advice);
    made.notes = {kNothingToPin};
    return made;
  }
  made.argv = {"numactl", "--physcpubind=" + cpu_ranges(*cpus)};
  const std::vector<int> nodes = nodes_of(input.machine, *cpus);
  if (nodes.size() == 1 && input.machine.usable_numa_nodes() > 1) {
    made.argv.push_back(fmt::format("--membind={}", nodes.front()));
  } else if (nodes.size() > 1) {
    made.argv.push_back("--interleave=" + cpu_ranges(nodes));
  }
  made.argv.push_back("PROGRAM");
  made.env = common_environment(input.advice);
  made.notes = {"llama.cpp keeps this placement with --numa numactl."};
  return made;
}

EngineSettings taskset_settings(const EngineInput& input) {
  EngineSettings made{.title = "taskset"};
  made.env = common_environment(input.advice);
  const auto* cpus = input.pin(input.advice.compromise);
  if (cpus == nullptr) {
    made.notes = {kNothingToPin};
    return made;
  }
  made.argv = {"taskset", "-c", cpu_ranges(*cpus), "PROGRAM"};
  made.notes = {
      "Programs that do not look at their affinity still start a thread a CPU of the "
      "machine: keep the counts."};
  return made;
}

EngineSettings slurm_settings(const EngineInput& input) {
  const int cpus = std::max(input.advice.prefill.threads, input.advice.decode.threads);
  const bool one_a_core = cpus <= input.machine.usable_cores();
  EngineSettings made{.title = "Slurm"};
  made.file_name = "job.sh";
  made.file_content =
      fmt::format("#!/bin/sh\n#SBATCH --ntasks=1\n#SBATCH --cpus-per-task={}\n", cpus);
  if (one_a_core) made.file_content += "#SBATCH --hint=nomultithread\n";
  for (const auto& [key, value] : common_environment(input.advice)) {
    made.file_content += fmt::format("export {}={}\n", key, value);
  }
  made.file_content += fmt::format("srun --cpus-per-task={} --cpu-bind={} PROGRAM\n", cpus,
                                   one_a_core ? "cores" : "threads");
  made.notes = {"From Slurm 22.05 on srun does not inherit --cpus-per-task, so it is said twice."};
  return made;
}

}  // namespace mb
