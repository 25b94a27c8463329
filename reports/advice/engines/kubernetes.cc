// A pod whose whole CPUs the static CPU manager can give exclusively (requests equal to limits).
// Source: the Kubernetes pages on CPU management policies and on resource managers.
#include <fmt/format.h>

#include <algorithm>

#include "reports/advice/engines/engines.h"

namespace mb {

EngineSettings kubernetes_settings(const EngineInput& input) {
  constexpr std::int64_t kGiB = std::int64_t{1} << 30;
  const int cpus = std::max(input.advice.prefill.threads, input.advice.decode.threads);
  const std::int64_t memory = (input.advice.memory_bytes + kGiB - 1) / kGiB + 1;
  EngineSettings made{.title = "Kubernetes"};
  made.file_name = "engine.yaml";
  made.file_content =
      "apiVersion: v1\nkind: Pod\nmetadata:\n  name: engine\nspec:\n  containers:\n"
      "    - name: engine\n      image: IMAGE\n      resources:\n";
  for (const char* kind : {"requests", "limits"}) {
    made.file_content +=
        fmt::format("        {}: {{cpu: \"{}\", memory: {}Gi}}\n", kind, cpus, memory);
  }
  made.file_content += "      env:\n";
  for (const auto& [key, value] : common_environment(input.advice)) {
    made.file_content += fmt::format("        - {{name: {}, value: \"{}\"}}\n", key, value);
  }
  made.notes = {
      "A CPU limit is a quota unless the node's CPU manager is static: then whole CPUs with "
      "requests equal to limits are exclusive.",
      "Memory is what the model and its cache need, rounded up, and 1 GiB for the program."};
  return made;
}

}  // namespace mb
