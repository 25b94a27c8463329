// The main of every probe. Google Benchmark is the runner: each planned point is one benchmark of
// one iteration with manual time, so that its flags, filter, console table and JSON work; inside,
// the kit measures the point and the row shows its median.
//
// A point that cannot be had is a row with `error_occurred` and the reason; Google Benchmark's time
// of such a row means nothing and is shown nowhere else. Our document lists it as missing.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <regex>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "data/system/streams.h"
#include "probes/core/probe.h"
#include "probes/core/session.h"

namespace mb {
namespace {

// What Google Benchmark appends to the names of benchmarks of one iteration and manual time.
constexpr std::string_view kNameSuffix = "/iterations:1/manual_time";

// "noisy: spread, steal"; a missing signal is for the document, not for the table.
std::string label_of(const Verdict& verdict) {
  std::string label(to_string(verdict.validity));
  std::string_view separator = ": ";
  for (const Reason& reason : verdict.reasons) {
    if (reason.code == "missing_signal") continue;
    label += fmt::format("{}{}", separator, reason.code);
    separator = ", ";
  }
  return label;
}

void show(const Point& point, benchmark::State& state) {
  const double median = point.summary.median;
  const auto amount = point.facts.find("amount_per_iteration");
  state.SetIterationTime(amount == point.facts.end() ? median : amount->second / median);
  if (point.unit == Unit::kBytesPerSecond) state.counters["bytes_per_second"] = median;
  if (point.unit == Unit::kHertz) state.counters["hertz"] = median;
  if (point.unit == Unit::kFlopsPerSecond) state.counters["flops_per_second"] = median;
  state.counters["samples"] = static_cast<double>(point.summary.count);
  std::string label = label_of(point.verdict);
  if (const auto kernel = point.notes.find("kernel"); kernel != point.notes.end()) {
    label += "; " + kernel->second;
  }
  if (const auto change = point.facts.find("rate_change"); change != point.facts.end()) {
    label += fmt::format("; rate at the end {:+.1f} %", 100 * change->second);
    if (point.noise.clock_drift) {
      label += fmt::format(", clock {:+.1f} %", 100 * *point.noise.clock_drift);
    }
  }
  state.SetLabel(label);
}

// Google Benchmark's own words for a filter that fits nothing name no remedy and no exit code
// follows, so this is asked before it; same grammar, a leading '-' excludes.
// Where there are no points at all, the reason is told at the end and is not the filter.
void check_filter(const Session& session, const std::vector<std::string>& arguments) {
  if (session.points().empty()) return;
  constexpr std::string_view kFlag = "--benchmark_filter=";
  for (const std::string& argument : arguments) {
    if (!argument.starts_with(kFlag)) continue;
    std::string filter = argument.substr(kFlag.size());
    if (filter.empty() || filter == "all") continue;
    const bool excludes = filter.starts_with('-');
    try {
      const std::regex regex(excludes ? filter.substr(1) : filter, std::regex::extended);
      if (std::ranges::any_of(session.points(), [&](const PlannedPoint& planned) {
            return std::regex_search(session.name_of(planned) + std::string(kNameSuffix), regex) !=
                   excludes;
          })) {
        continue;
      }
    } catch (const std::regex_error& error) {
      throw Error(ErrorCode::kUsage, fmt::format("{}: {}", argument, error.what()));
    }
    throw Error(
        ErrorCode::kUsage,
        fmt::format("{}: no point has such a name; --benchmark_list_tests lists them", argument));
  }
}

void register_points(Session& session, benchmark::TimeUnit unit, bool& any_ran) {
  for (const PlannedPoint& planned : session.points()) {
    benchmark::RegisterBenchmark(session.name_of(planned).c_str(),
                                 [&session, &any_ran, &planned](benchmark::State& state) {
                                   any_ran = true;
                                   for (auto _ : state) {
                                     const Session::Outcome outcome = session.measure(planned);
                                     if (!outcome.point) {
                                       state.SkipWithError(outcome.why_not.c_str());
                                       break;
                                     }
                                     show(*outcome.point, state);
                                   }
                                 })
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(unit);
  }
}

void add_context(const Results& results) {
  const Machine& machine = results.machine;
  const auto add = [](const char* key, const std::string& value) {
    if (!value.empty()) benchmark::AddCustomContext(key, value);
  };
  add("memory_benchmark_version", results.build.version);
  add("build_type", results.build.type);
  add("cpu_model", machine.cpu_model);
  add("isa", machine.isa);
  add("effective_cpus", std::to_string(machine.limits.effective_cpus));
  add("limited_by", machine.limits.limited_by);
  add("memory_budget_bytes", std::to_string(machine.limits.memory_budget_bytes));
  add("transparent_huge_pages", machine.thp_mode);
  add("hardware_counters", machine.pmu_counts ? "count" : "unavailable");
}

// Google Benchmark keeps a pointer to the program's name, so the arguments must outlive its run.
void initialize_benchmark(std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int argc = static_cast<int>(arguments.size());
  benchmark::Initialize(&argc, argv.data());
  if (argc > 1) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("'{}' is not a flag of Google Benchmark, or its value is wrong", argv[1]));
  }
}

int run_probe(int argc, char** argv, const Probe& probe) {
  ProbeOptions options = parse_probe_options(argc, argv);
  if (options.help || options.describe) {
    const std::string text =
        options.help ? probe_help(probe) : fmt::format("{}: {}\n", probe.name, probe.summary);
    std::fputs(text.c_str(), stdout);
    check_standard_output();
    return 0;
  }
  initialize_benchmark(options.benchmark_arguments);
  if (options.out) require_writable(*options.out);
  Session session(probe, options, {argv, argv + argc});
  install_interrupt_handler();
  bool any_ran = false;
  register_points(session, probe.in_nanoseconds ? benchmark::kNanosecond : benchmark::kMicrosecond,
                  any_ran);
  add_context(session.results());
  check_filter(session, options.benchmark_arguments);
  const std::size_t matched = session.points().empty() ? 0 : benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (!any_ran && matched > 0) return 0;  // listed only
  return session.finish();
}

}  // namespace

int probe_main(int argc, char** argv, const Probe& probe) {
  // A reader that goes away ends the output, not the measurement.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    prepare_process();
    return run_probe(argc, argv, probe);
  } catch (const Error& error) {
    tell_error(probe.name, error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    std::fputs("out of memory; free memory or raise the limit\n", stderr);
    return static_cast<int>(ErrorCode::kNoResource);
  } catch (const std::exception& error) {
    tell_error(probe.name, error.what());
    return static_cast<int>(ErrorCode::kFailure);
  }
}

}  // namespace mb
