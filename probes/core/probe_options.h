// A probe's command line: our flags by Boost, the rest handed to Google Benchmark. What neither
// knows is an error with one line, exit code 2.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probes/core/probe.h"

namespace mb {

// A probe that is started alone has a sixth of a whole run's time.
inline constexpr double kLoneProbeBudgetSeconds = 10;

struct ProbeOptions {
  std::optional<std::filesystem::path> machine, plan, out;
  std::optional<double> budget_seconds;   // none given: kLoneProbeBudgetSeconds
  std::optional<double> sustain_seconds;  // hold the last point with the most threads for so long
  bool describe = false, help = false;
  std::vector<std::string> benchmark_arguments;  // argv[0] first
};

// Throws Error(kUsage) naming the flag.
ProbeOptions parse_probe_options(int argc, const char* const* argv);

// Throws Error(kUsage) for what is none of Google Benchmark's flags by its looks, or has a value
// that Google Benchmark would take for another, or answer by ending with code 0.
void check_benchmark_argument(std::string_view argument);

std::string probe_help(const Probe& probe);

}  // namespace mb
