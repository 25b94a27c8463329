// Becomes a probe program: its flags, output, signals and exit code are its own.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "data/error.h"
#include "data/plan/plan.h"
#include "data/system/child.h"
#include "probes/campaign/campaign.h"
#include "reports/cli/command.h"

namespace mb {
namespace {

std::vector<std::string> probe_names() {
  std::vector<std::string> names{"machine", "counters"};
  names.insert(names.end(), planned_probes().begin(), planned_probes().end());
  return names;
}

// Each says its own sentence: "name: sentence".
int list_probes() {
  const std::filesystem::path folder = find_probe_folder();
  for (const std::string& name : probe_names()) {
    const ChildResult child = run_child({.argv = {(folder / name).string(), "--describe"},
                                         .environment = {},
                                         .timeout_seconds = 10,
                                         .on_line = {},
                                         .on_tick = {}});
    const std::string summary = child.ok() ? child.standard_output : child.describe();
    const std::string_view text = summary;
    const std::size_t sentence = text.starts_with(name + ": ") ? name.size() + 2 : 0;
    fmt::print("{:<20}{}\n", name, text.substr(sentence, text.find('\n') - sentence));
  }
  return 0;
}

void print_probe_help() {
  fmt::print(
      "Usage: memory_benchmark probe NAME [flags]\n"
      "Runs one probe alone; its flags and Google Benchmark's pass through.\n\n"
      "  --list               names and summaries\n"
      "  NAME --help          the probe's own flags\n\n"
      "Examples:\n"
      "  memory_benchmark probe stream_bandwidth --benchmark_filter=read/dram\n"
      "  memory_benchmark probe dispatch_overhead --budget 5 --out dispatch.json\n");
}

}  // namespace

int run_probe(const Arguments& arguments) {
  if (arguments.empty()) {
    throw Error(ErrorCode::kUsage,
                "probe: the argument NAME is missing; "
                "memory_benchmark probe --list names them");
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h") {
    print_probe_help();
    return 0;
  }
  if (name == "--list") return list_probes();
  const std::vector<std::string> names = probe_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("probe: '{}' is unknown; one of {}", name, fmt::join(names, ", ")));
  }
  const std::string program = (find_probe_folder() / name).string();
  std::vector<std::string> words(arguments);
  words.front() = program;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  ::execv(program.c_str(), argv.data());
  throw Error(ErrorCode::kFailure, fmt::format("{}: cannot be started ({}); is the installation "
                                               "whole?",
                                               program, std::strerror(errno)));
}

}  // namespace mb
