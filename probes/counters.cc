// Which hardware and software counters tell the truth on this machine, and why the others do not:
// every wanted event is run over loops of known work (probes/core/counter_truth.h). Times nothing;
// faults, switches, migrations and CPU time of every point come from getrusage whatever stands
// here.
#include "probes/core/counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/results.h"
#include "data/error.h"
#include "data/system/streams.h"
#include "probes/core/probe_options.h"

namespace mb {
namespace {

constexpr std::string_view kSummary =
    "counters: which counters tell the truth here, by loops of known work; no timing";

constexpr std::string_view kHelp = R"(
Usage: counters [--truth] [--json]

  --truth       one row an event: what came of it, and what to do (default)
  --json        the same as JSON
  --describe    print what this probe tells and end
  --help        print this and end

States: counts (a known loop read back within 1 %), plausible (no loop of exactly
known count, but it lies where it must), multiplexed (no register left beside the
others of its set), wrong, unavailable.
Example: memory_benchmark probe counters --truth
Exit codes: 0 good, 1 failure, 2 usage, 4 not one event counts here.
)";

struct Options {
  bool json = false, describe = false, help = false, lists = false;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--truth") continue;
    if (word == "--json") {
      options.json = true;
    } else if (word == "--describe") {
      options.describe = true;
    } else if (word == "--help") {
      options.help = true;
    } else {
      check_benchmark_argument(word);
      options.lists = options.lists || word == "--benchmark_list_tests" ||
                      word == "--benchmark_list_tests=true";
    }
  }
  return options;
}

void print_table(const std::vector<CounterTruth>& rows) {
  fmt::print("{:<34} {:<33} {:<9} {:<12} {:>12} {:>12}\n", "event", "what", "set", "state",
             "counted", "expected");
  const auto figure = [](const std::optional<std::int64_t>& value) {
    return value ? std::to_string(*value) : std::string("-");
  };
  for (const CounterTruth& row : rows) {
    fmt::print("{:<34} {:<33} {:<9} {:<12} {:>12} {:>12}\n", row.event, row.what, row.set,
               row.state, figure(row.counted), figure(row.expected));
  }
  // Rows share their reasons: each is said once.
  std::vector<std::string> said;
  for (const CounterTruth& row : rows) {
    if (row.cause.empty()) continue;
    const std::string text = fmt::format("{}: {}; {}", row.state, row.cause, row.remedy);
    if (std::find(said.begin(), said.end(), text) != said.end()) continue;
    fmt::print(
        "{}{} ({}{})\n", said.empty() ? "\n" : "", text, row.event,
        std::count_if(rows.begin(), rows.end(),
                      [&](const CounterTruth& other) { return other.cause == row.cause; }) > 1
            ? " and others"
            : "");
    said.push_back(text);
  }
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (options.help || options.describe) {
    fmt::print("{}\n{}", kSummary, options.help ? kHelp : "");
    return 0;
  }
  if (options.lists) return 0;
  const std::vector<CounterTruth> rows = truth_table(*papi_event_counter(), HostFiles());
  if (options.json) {
    fmt::print("{}", counter_truth_to_json_text(rows));
  } else {
    print_table(rows);
  }
  check_standard_output();
  const bool any = std::any_of(rows.begin(), rows.end(), [](const CounterTruth& row) {
    return row.state == "counts" || row.state == "plausible";
  });
  return any ? 0 : static_cast<int>(ErrorCode::kNotAvailable);
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  try {
    mb::prepare_process();
    return mb::run(argc, argv);
  } catch (const mb::Error& error) {
    mb::tell_error("counters", error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    std::fputs("counters: out of memory; free memory or raise the limit\n", stderr);
    return static_cast<int>(mb::ErrorCode::kNoResource);
  } catch (const std::exception& error) {
    mb::tell_error("counters", error.what());
    return static_cast<int>(mb::ErrorCode::kFailure);
  }
}
