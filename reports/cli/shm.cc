// The published /dev/shm test: sections go to the log and, as they come, to the terminal.
#include <fmt/format.h>

#include <cstdio>

#include "data/system/child.h"
#include "probes/core/shm_log.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"

namespace mb {

int run_shm(const Arguments& arguments) {
  Flags flags("shm",
              "Writes and reads eight files of SIZE in shared memory, one after the other and at\n"
              "once, and logs the times in the published script's sections.",
              {"SIZE", "LOG"}, "  memory_benchmark shm 1G run.log\n");
  if (!flags.parse(arguments)) return 0;
  ShmLogRequest request;
  request.size = flags.positional(0);
  request.log = flags.positional(1);
  request.on_section = [](std::string_view section) {
    fmt::print("{}", section);
    std::fflush(stdout);
  };
  install_interrupt_handler();
  run_shm_log(request);
  return 0;
}

}  // namespace mb
