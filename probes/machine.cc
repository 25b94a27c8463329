// Describes the machine and measures nothing: prints a results document without points, or writes
// it with --out. The campaign runs this first and plans from what it says.
//
// Being one of the probes it takes Google Benchmark's flags, and has no benchmark to list or to
// run.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/error.h"
#include "data/system/clock.h"
#include "data/system/files.h"
#include "data/system/streams.h"
#include "probes/core/build_facts.h"
#include "probes/core/describe_machine.h"
#include "probes/core/instance_metadata.h"
#include "probes/core/probe_options.h"

namespace mb {
namespace {

constexpr std::string_view kSummary =
    "machine: topology, caches, memory, limits and software of this machine; no timing";

constexpr std::string_view kHelp = R"(
Usage: machine [--out FILE] [--cloud-label] [--describe]

  --out FILE     results document to write, whole or not at all (default: printed)
  --cloud-label  ask the metadata service of EC2 (169.254.169.254, within 1 s) for instance type,
                 purchasing option and zone; without it no network is used
  --describe     print what this probe tells and end
  --help         print this and end

Exit codes: 0 good, 1 failure, 2 usage, 4 no CPU of this machine may be used.
)";

struct Options : ProbeOptions {
  bool cloud_label = false;  // this probe's alone
};

Options parse(int argc, char** argv) {
  std::vector<const char*> words(argv, argv + argc);
  const bool cloud_label =
      std::erase_if(words, [](std::string_view word) { return word == "--cloud-label"; }) > 0;
  const Options options{parse_probe_options(static_cast<int>(words.size()), words.data()),
                        cloud_label};
  for (const auto& [given, flag] : {std::pair{options.machine.has_value(), "machine"},
                                    {options.plan.has_value(), "plan"},
                                    {options.budget_seconds.has_value(), "budget"},
                                    {options.sustain_seconds.has_value(), "sustain"}}) {
    if (!given) continue;
    throw Error(
        ErrorCode::kUsage,
        fmt::format("--{} has no effect here: this probe describes the machine it runs on", flag));
  }
  return options;
}

Results describe(std::vector<std::string> command, bool cloud_label) {
  Results results;
  results.created_utc = utc_now();
  results.command = std::move(command);
  results.machine = describe_machine();
  if (cloud_label) ask_instance_metadata(results.machine);
  results.build = build_facts();
  return results;
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (options.help || options.describe) {
    fmt::print("{}\n{}", kSummary, options.help ? kHelp : "");
    return 0;
  }
  const bool lists = std::ranges::any_of(options.benchmark_arguments, [](const auto& argument) {
    return argument == "--benchmark_list_tests" || argument == "--benchmark_list_tests=true";
  });
  if (lists) return 0;
  const std::string document = to_json_text(describe({argv, argv + argc}, options.cloud_label));
  if (options.out) {
    write_file_atomically(*options.out, document);
  } else {
    fmt::print("{}", document);
    check_standard_output();
  }
  return 0;
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  try {
    mb::prepare_process();
    return mb::run(argc, argv);
  } catch (const mb::Error& error) {
    mb::tell_error("machine", error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    std::fputs("machine: out of memory; free memory or raise the limit\n", stderr);
    return static_cast<int>(mb::ErrorCode::kNoResource);
  } catch (const std::exception& error) {
    mb::tell_error("machine", error.what());
    return static_cast<int>(mb::ErrorCode::kFailure);
  }
}
