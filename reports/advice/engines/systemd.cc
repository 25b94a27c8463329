// A drop-in for a service. Source: systemd.exec(5), systemd.resource-control(5).
#include <fmt/format.h>

#include "reports/advice/engines/engines.h"
#include "reports/advice/parts.h"

namespace mb {

EngineSettings systemd_settings(const EngineInput& input) {
  EngineSettings made{.title = "systemd (drop-in)"};
  made.file_name = "/etc/systemd/system/ENGINE.service.d/threads.conf";
  made.file_content = "[Service]\n";
  for (const auto& [key, value] : common_environment(input.advice)) {
    made.file_content += fmt::format("Environment={}={}\n", key, value);
  }
  if (const auto* cpus = input.pin(input.advice.compromise)) {
    made.file_content += fmt::format("CPUAffinity={}\n", cpu_ranges(*cpus));
    if (const auto nodes = nodes_of(input.machine, *cpus);
        nodes.size() == 1 && input.machine.usable_numa_nodes() > 1) {
      made.file_content += fmt::format("NUMAPolicy=bind\nNUMAMask={}\n", nodes.front());
    }
  }
  made.notes = {"systemctl daemon-reload, then restart the service.",
                "CPUQuota= would limit time, not CPUs: engines count CPUs and start too many "
                "threads."};
  return made;
}

}  // namespace mb
