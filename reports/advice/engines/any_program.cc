// The common variables, for an env file and for a shell.
#include <fmt/format.h>

#include "reports/advice/engines/engines.h"
#include "reports/advice/parts.h"

namespace mb {
namespace {

const char* const kOneCountForBoth =
    "One count for both phases, except LLAMA_ARG_THREADS, which is for generation.";

}  // namespace

EngineSettings env_settings(const EngineInput& input) {
  EngineSettings made{.title = "any program, from an env file"};
  made.file_name = ".env";
  for (const auto& [key, value] : common_environment(input.advice)) {
    made.file_content += fmt::format("{}={}\n", key, value);
  }
  made.notes = {kOneCountForBoth};
  return made;
}

EngineSettings shell_settings(const EngineInput& input) {
  EngineSettings made{.title = "any program, from a shell"};
  made.env = common_environment(input.advice);
  made.notes = {kOneCountForBoth};
  if (const auto* cpus = input.pin(input.advice.compromise)) {
    made.argv = {"taskset", "-c", cpu_ranges(*cpus), "PROGRAM"};
    made.notes.push_back(
        "taskset is what affinity-aware programs obey; others only share its CPUs.");
  }
  return made;
}

}  // namespace mb
