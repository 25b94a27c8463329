// Google Benchmark ends the process with code 0 on a value that it does not know and says nothing
// of an unknown word, so the few flags with closed values are checked here.
#include "probes/core/probe_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
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

// The flags with closed values. Google Benchmark prints its usage and ends with code 0 where a
// format or a unit is wrong, and takes any word that is not "false" or "no" for a yes.
constexpr std::string_view kFormats = "console, json or csv", kSwitches = "true or false";
struct ClosedFlag {
  std::string_view name, values;
};
constexpr ClosedFlag kClosedFlags[] = {
    {"--benchmark_format", kFormats},
    {"--benchmark_out_format", kFormats},
    {"--benchmark_time_unit", "ns, us, ms or s"},
    {"--benchmark_color", "auto, true or false"},
    {"--benchmark_list_tests", kSwitches},
    {"--benchmark_enable_random_interleaving", kSwitches},
    {"--benchmark_report_aggregates_only", kSwitches},
    {"--benchmark_display_aggregates_only", kSwitches},
    {"--benchmark_counters_tabular", kSwitches},
};

// Whether `values`, as it is written for people, names `value`.
bool names(std::string_view values, std::string_view value) {
  while (!values.empty()) {
    const std::size_t end = std::min(values.find_first_of(", "), values.size());
    const std::string_view word = values.substr(0, end);
    if (!word.empty() && word == value && word != "or") return true;
    values.remove_prefix(std::min(values.size(), end + 1));
  }
  return false;
}

// Google Benchmark measures nothing with 0 and runs out of memory with -1; nobody waits for more
// than a thousand.
constexpr int kMostRepetitions = 1000;

void check_repetitions(std::string_view argument, std::string_view text) {
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc() && end == text.data() + text.size() && count >= 1 &&
      count <= kMostRepetitions) {
    return;
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("{}: expected a whole number from 1 to {}", argument, kMostRepetitions));
}

std::optional<std::filesystem::path> path_of(const po::variables_map& values, const char* name) {
  if (!values.contains(name)) return std::nullopt;
  const std::string text = values[name].as<std::string>();
  if (text.empty()) throw Error(ErrorCode::kUsage, fmt::format("--{}: '' is no file name", name));
  return text;
}

}  // namespace

void check_benchmark_argument(std::string_view argument) {
  if (!argument.starts_with("--benchmark_") && !argument.starts_with("--v=")) {
    throw Error(ErrorCode::kUsage, fmt::format("unknown flag or argument '{}'; --help lists what "
                                               "is known",
                                               argument));
  }
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return;  // a switch, or refused by Google Benchmark
  const std::string_view name = argument.substr(0, equals), value = argument.substr(equals + 1);
  if (name == "--benchmark_repetitions") check_repetitions(argument, value);
  for (const ClosedFlag& flag : kClosedFlags) {
    if (name == flag.name && !names(flag.values, value)) {
      throw Error(ErrorCode::kUsage, fmt::format("{}: expected {}", argument, flag.values));
    }
  }
}

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
