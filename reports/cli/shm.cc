// The published /dev/shm test: sections go to the log and, as they come, to the terminal.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "data/system/child.h"
#include "probes/core/shm_log.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/parse.h"

namespace mb {

int run_shm(const Arguments& arguments) {
  Flags flags("shm",
              "Writes and reads eight files of SIZE in shared memory, one after the other and at\n"
              "once, and logs the times in the published script's sections.",
              {"SIZE", "LOG"},
              "  memory_benchmark shm 1G run.log\n"
              "  memory_benchmark shm 256M,1G,2G run.log --repeat 5\n");
  flags.value("repeat", "N", "runs of every size, and the spread over them (default 1)");
  if (!flags.parse(arguments)) return 0;
  ShmLogRequest request;
  request.size = flags.positional(0);
  request.log = flags.positional(1);
  if (const auto repeats = flags.get("repeat")) {
    constexpr std::int64_t kMostRepeats = 1000;
    request.repeats =
        static_cast<int>(std::min(parse_count("--repeat", *repeats, 1), kMostRepeats));
  }
  request.on_section = [](std::string_view section) {
    fmt::print("{}", section);
    std::fflush(stdout);
  };
  install_interrupt_handler();
  run_shm_log(request);
  return 0;
}

}  // namespace mb
