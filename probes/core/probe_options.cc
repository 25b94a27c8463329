// Google Benchmark ends the process with code 0 on a value that it does not know and says nothing
// of an unknown word, so the few flags with closed values are checked here.
#include "probes/core/probe_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <sstream>

#include "data/error.h"
#include "data/system/duration.h"

namespace mb {
namespace {

namespace po = boost::program_options;

constexpr double kMostBudgetSeconds = 86400;

po::options_description own_flags() {
  po::options_description flags("Flags");
  flags.add_options()("machine", po::value<std::string>()->value_name("FILE"),
                      "machine document to measure by (default: this machine, described now)")(
      "plan", po::value<std::string>()->value_name("FILE"),
      "step to measure: the points and their seconds (default: planned from the machine)")(
      "out", po::value<std::string>()->value_name("FILE"),
      "results document to write, whole or not at all")(
      "budget", po::value<std::string>()->value_name("TIME"),
      "for all points when there is no plan: 30s, 2m, 500ms, plain seconds (default 10s)")(
      "sustain", po::value<std::string>()->value_name("TIME"),
      "hold one point, the last with the most threads, for so long: what heat or used-up CPU\n"
      "credits do to its rate")("describe", "print what this probe measures and end")(
      "help", "print this and end");
  return flags;
}

void check_benchmark_argument(const std::string& argument) {
  if (!argument.starts_with("--benchmark_") && !argument.starts_with("--v=")) {
    throw Error(ErrorCode::kUsage,
                fmt::format("unknown flag or argument '{}'; --help lists what is known", argument));
  }
  for (const std::string_view flag : {"--benchmark_format=", "--benchmark_out_format="}) {
    if (!argument.starts_with(flag)) continue;
    const std::string value = argument.substr(flag.size());
    if (value != "console" && value != "json" && value != "csv") {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{}{}: expected console, json or csv", flag, value));
    }
  }
}

std::optional<std::filesystem::path> path_of(const po::variables_map& values, const char* name) {
  if (!values.contains(name)) return std::nullopt;
  return values[name].as<std::string>();
}

}  // namespace

ProbeOptions parse_probe_options(int argc, const char* const* argv) {
  using po::command_line_style::allow_guessing;
  using po::command_line_style::unix_style;
  ProbeOptions options;
  po::variables_map values;
  options.benchmark_arguments.emplace_back(argv[0]);
  try {
    const po::options_description flags = own_flags();
    const po::parsed_options parsed = po::command_line_parser(argc, argv)
                                          .options(flags)
                                          .style(unix_style & ~allow_guessing)
                                          .allow_unregistered()
                                          .run();
    po::store(parsed, values);
    for (const std::string& argument :
         po::collect_unrecognized(parsed.options, po::include_positional)) {
      check_benchmark_argument(argument);
      options.benchmark_arguments.push_back(argument);
    }
  } catch (const po::error& error) {
    throw Error(ErrorCode::kUsage, fmt::format("{}; --help lists what is known", error.what()));
  }
  options.machine = path_of(values, "machine");
  options.plan = path_of(values, "plan");
  options.out = path_of(values, "out");
  options.describe = values.contains("describe");
  options.help = values.contains("help");
  if (values.contains("sustain")) {
    const std::string text = values["sustain"].as<std::string>();
    options.sustain_seconds = parse_duration(text);
    if (options.plan || !options.sustain_seconds || *options.sustain_seconds > kMostBudgetSeconds) {
      throw Error(ErrorCode::kUsage,
                  options.plan ? std::string("--sustain has no effect beside --plan; give one")
                               : fmt::format("--sustain: '{}' is not a time up to a day: write "
                                             "120s or 5m",
                                             text));
    }
  }
  if (values.contains("budget")) {
    const std::string text = values["budget"].as<std::string>();
    const std::optional<double> seconds = parse_duration(text);
    if (options.plan) {
      throw Error(ErrorCode::kUsage, "--budget has no effect beside --plan; give one of them");
    }
    if (!seconds || *seconds > kMostBudgetSeconds) {
      throw Error(
          ErrorCode::kUsage,
          fmt::format("--budget: '{}' is not a time up to a day: write 30s, 2m or 500ms", text));
    }
    options.budget_seconds = *seconds;
  }
  return options;
}

std::string probe_help(const Probe& probe) {
  std::ostringstream flags;
  flags << own_flags();
  return fmt::format(
      "{}: {}\n\nUsage: {} [flags] [--benchmark_... flags]\n\n{}\n"
      "Google Benchmark's flags work too, such as --benchmark_list_tests,\n"
      "--benchmark_filter=REGEX, --benchmark_format=json, --benchmark_repetitions=N.\n"
      "Examples:\n"
      "  {} --benchmark_filter=threads:1 --benchmark_format=json\n"
      "  {} --budget 30s --out points.json\n"
      "  {} --sustain 120s\n"
      "Exit codes: 0 good, 1 failure, 2 usage, 3 no resource, 4 not available here,\n"
      "5 interrupted, 7 every result invalid.\n",
      probe.name, probe.summary, probe.name, flags.str(), probe.name, probe.name, probe.name);
}

}  // namespace mb
