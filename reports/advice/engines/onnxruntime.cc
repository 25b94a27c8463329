// ONNX Runtime: a count turns its own pinning off; affinities are for all threads but the first,
// and number processors from 1. Source: the header onnxruntime_c_api.h
// (SetGlobalIntraOpThreadAffinity).
#include <fmt/format.h>

#include "reports/advice/engines/engines.h"

namespace mb {

EngineSettings onnxruntime_settings(const EngineInput& input) {
  const PhaseAdvice& both = input.advice.compromise;
  EngineSettings made{.title = "ONNX Runtime (session options)"};
  made.file_name = "session_options.json";
  std::vector<std::pair<std::string, std::string>> members{
      {"intra_op_num_threads", std::to_string(both.threads)},
      {"inter_op_num_threads", "1"},
      {"execution_mode", "\"ORT_SEQUENTIAL\""}};
  if (const auto* cpus = input.pin(both); cpus != nullptr && cpus->size() > 1) {
    std::string list;
    for (std::size_t i = 1; i < cpus->size(); ++i) {
      list += fmt::format("{}{}", i > 1 ? ";" : "", (*cpus)[i] + 1);
    }
    members.emplace_back("session.intra_op_thread_affinities", "\"" + list + "\"");
    made.notes.push_back(
        "The list is for all threads but the calling one and counts from 1; it is "
        "a config entry (add_session_config_entry).");
  }
  made.file_content = json_file(members);
  made.notes.push_back(
      "0 threads means the physical cores, pinned, which fails or slows under a "
      "cpuset; a given count is not pinned.");
  return made;
}

}  // namespace mb
