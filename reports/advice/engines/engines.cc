// The table of formats, and what several of them share.
#include "reports/advice/engines/engines.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reports/advice/parts.h"

namespace mb {

const std::vector<EngineEntry>& engine_entries() {
  static const std::vector<EngineEntry> entries{
      {"llama.cpp", "flags of llama-server and llama-cli, prefill and decode apart",
       llama_cpp_settings},
      {"llama.cpp-env", "LLAMA_ARG_* variables of llama-server", llama_cpp_env_settings},
      {"llama-bench", "a llama-bench line that measures the advised counts", llama_bench_settings},
      {"llama-cpp-python", "keyword arguments of llama_cpp.Llama, as JSON",
       llama_cpp_python_settings},
      {"llama-crab", "context parameters of a llama.cpp binding, as JSON", llama_crab_settings},
      {"ollama", "a Modelfile with num_thread (one count for both phases)", ollama_settings},
      {"ollama-request", "the options of one request to ollama's API, as JSON",
       ollama_request_settings},
      {"vllm", "VLLM_CPU_OMP_THREADS_BIND and its companions", vllm_settings},
      {"pytorch", "OMP_NUM_THREADS and MKL_NUM_THREADS, set before the first work",
       pytorch_settings},
      {"openmp", "variables of GCC's OpenMP, with GOMP_CPU_AFFINITY", openmp_settings},
      {"openvino", "CPU properties in the form of benchmark_app -load_config", openvino_settings},
      {"onnxruntime", "session options, as JSON", onnxruntime_settings},
      {"rayon", "RAYON_NUM_THREADS for engines written in Rust", rayon_settings},
      {"systemd", "a drop-in for the unit of an engine", systemd_settings},
      {"docker", "flags of docker run", docker_settings},
      {"docker-compose", "a compose file's service", compose_settings},
      {"kubernetes", "a pod with resources and environment", kubernetes_settings},
      {"numactl", "a numactl line for any program", numactl_settings},
      {"taskset", "a taskset line for any program", taskset_settings},
      {"slurm", "an sbatch script's head and its srun line", slurm_settings},
      {"env", "KEY=value lines for an env file (docker --env-file, systemd)", env_settings},
      {"shell", "a shell fragment for any program: counts to export", shell_settings},
  };
  return entries;
}

const std::vector<int>* EngineInput::pin(const PhaseAdvice& phase) const {
  const bool leaves_some = phase.cpu_list && !phase.cpu_list->empty() &&
                           static_cast<int>(phase.cpu_list->size()) < machine.usable_pus();
  return leaves_some && quota() == 0 ? &*phase.cpu_list : nullptr;
}

std::map<std::string, std::string> common_environment(const ModelAdvice& advice) {
  const std::string count = std::to_string(advice.compromise.threads);
  return {{"OMP_NUM_THREADS", count},
          {"MKL_NUM_THREADS", count},
          {"RAYON_NUM_THREADS", count},
          {"LLAMA_ARG_THREADS", std::to_string(advice.decode.threads)}};
}

std::vector<int> nodes_of(const Machine& machine, const std::vector<int>& cpus) {
  std::set<int> nodes;
  for (const Pu& pu : machine.pus) {
    if (std::find(cpus.begin(), cpus.end(), pu.os_index) == cpus.end()) continue;
    const auto node = static_cast<std::size_t>(pu.numa_node);
    nodes.insert(node < machine.numa_nodes.size() ? machine.numa_nodes[node].os_index : 0);
  }
  return {nodes.begin(), nodes.end()};
}

std::string json_file(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string text = "{\n";
  for (std::size_t i = 0; i < members.size(); ++i) {
    text += fmt::format("  \"{}\": {}{}\n", members[i].first, members[i].second,
                        i + 1 < members.size() ? "," : "");
  }
  return text + "}\n";
}

std::string cpu_ranges(const std::vector<int>& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += text.empty() ? "" : ",";
    text += i == last ? std::to_string(cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[last]);
    i = last + 1;
  }
  return text;
}

std::vector<EngineSettings> engine_settings(const Machine& machine, const std::string& quantisation,
                                            const ModelAdvice& advice) {
  const EngineInput input{machine, advice, quantisation};
  std::vector<EngineSettings> made;
  for (const EngineEntry& entry : engine_entries()) {
    made.push_back(entry.make(input));
    made.back().engine = entry.name;
    const std::string warning = quantisation_warning(entry.name, input.quantisation);
    if (!warning.empty()) made.back().notes.insert(made.back().notes.begin(), warning);
  }
  return made;
}

}  // namespace mb
