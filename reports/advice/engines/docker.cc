// Containers by a mask where CPUs can be named, else by the quota that is in force. Source: docker
// run's reference, the compose specification.
#include <fmt/format.h>

#include "reports/advice/engines/engines.h"
#include "reports/advice/parts.h"

namespace mb {
namespace {

const char* const kMaskIsSeen =
    "Engines see a cpuset and not --cpus: only the first changes what they count.";

}  // namespace

EngineSettings docker_settings(const EngineInput& input) {
  EngineSettings made{.title = "Docker"};
  made.argv = {"docker", "run"};
  if (const auto* cpus = input.pin(input.advice.compromise)) {
    made.argv.push_back("--cpuset-cpus=" + cpu_ranges(*cpus));
    if (const auto nodes = nodes_of(input.machine, *cpus);
        input.machine.usable_numa_nodes() > 1 && nodes.size() == 1) {
      made.argv.push_back(fmt::format("--cpuset-mems={}", nodes.front()));
    }
  } else if (input.quota() > 0) {
    made.argv.push_back(fmt::format("--cpus={:g}", input.quota()));
  }
  for (const auto& [key, value] : common_environment(input.advice)) {
    made.argv.insert(made.argv.end(), {"-e", key + "=" + value});
  }
  made.argv.push_back("IMAGE");
  made.notes = {kMaskIsSeen, "/dev/shm is 64 MiB unless --shm-size says otherwise."};
  return made;
}

EngineSettings compose_settings(const EngineInput& input) {
  EngineSettings made{.title = "Docker Compose"};
  made.file_name = "compose.yaml";
  made.file_content = "services:\n  engine:\n    image: IMAGE\n";
  if (const auto* cpus = input.pin(input.advice.compromise)) {
    made.file_content += fmt::format("    cpuset: \"{}\"\n", cpu_ranges(*cpus));
  } else if (input.quota() > 0) {
    made.file_content += fmt::format("    cpus: {:g}\n", input.quota());
  }
  made.file_content += "    environment:\n";
  for (const auto& [key, value] : common_environment(input.advice)) {
    made.file_content += fmt::format("      {}: \"{}\"\n", key, value);
  }
  made.notes = {kMaskIsSeen};
  return made;
}

}  // namespace mb
