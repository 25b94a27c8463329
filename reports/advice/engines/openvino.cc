// OpenVINO counts logical processors and pins by itself. Source: its properties.hpp; the file has
// the form that benchmark_app -load_config reads.
#include <fmt/format.h>

#include "reports/advice/engines/engines.h"

namespace mb {

EngineSettings openvino_settings(const EngineInput& input) {
  const PhaseAdvice& both = input.advice.compromise;
  std::string members = fmt::format(
      "\"INFERENCE_NUM_THREADS\": \"{}\", \"NUM_STREAMS\": \"1\", "
      "\"ENABLE_HYPER_THREADING\": \"{}\"",
      both.threads, both.threads > input.machine.usable_cores() ? "YES" : "NO");
  EngineSettings made{.title = "OpenVINO (CPU properties)"};
  made.file_name = "config.json";
  if (input.quota() > 0) {
    members += ", \"ENABLE_CPU_PINNING\": \"NO\"";
    made.notes.push_back(
        "OpenVINO does not see a CPU quota; pinning is off, as a quota names no "
        "CPUs.");
  } else {
    made.notes.push_back(
        "A given count turns pinning on: two processes then share the same cores.");
  }
  if (input.machine.has_hybrid_cores()) {
    int fast = 0;
    for (const Pu& pu : input.machine.pus) fast += pu.usable && pu.core_kind == 0;
    members += fmt::format(", \"SCHEDULING_CORE_TYPE\": \"{}\"",
                           both.threads <= fast ? "PCORE_ONLY" : "ANY_CORE");
  }
  made.file_content = json_file({{"CPU", "{" + members + "}"}});
  return made;
}

}  // namespace mb
