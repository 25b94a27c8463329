// The memory_benchmark program: finds the subcommand in a table and prints what went wrong, as one
// line, once. Without a subcommand it does the main job, `run`.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <new>

#include "data/error.h"
#include "data/system/streams.h"
#include "reports/cli/command.h"
#include "reports/cli/version.h"

namespace mb {
namespace {

constexpr std::array kCommands{
    Command{"run", "[--budget 60s] [--model M]", "measure, model, advise, report: the main job",
            run_run},
    Command{"shm", "SIZE LOG", "serial and parallel /dev/shm test", run_shm},
    Command{"probe", "NAME [flags]", "one probe alone (--list shows them)", run_probe},
    Command{"inspect", "MODEL", "a model's exact sizes: bytes, KV bytes, parameters", run_inspect},
    Command{"synthesize", "MODEL --out FILE", "a GGUF file of random weights of a model's shape",
            run_synthesize},
    Command{"predict", "RESULTS --model M", "tokens per second by thread count", run_predict},
    Command{"recommend", "RESULTS --model M", "thread counts, or an engine's settings (--format)",
            run_recommend},
    Command{"scenario", "RESULTS --model M --preset chat", "a conversation, phase by phase",
            run_scenario},
    Command{"report", "RESULTS", "the page and the picture of a results document", run_report},
    Command{"compare", "A B... [--price A=0.68/h]", "machines or runs side by side, cost a token",
            run_compare},
    Command{"sweep", "[flags] -- COMMAND", "a real engine over thread counts", run_sweep_command},
    Command{"import", "FILE... --out FILE", "llama-bench, CSV and memtest files as documents",
            run_import},
    Command{"validate", "RESULTS SWEEP...", "predictions beside what an engine measured",
            run_validate},
    Command{"calibrate", "RESULTS SWEEP... --engine NAME", "an engine's profile fitted to its runs",
            run_calibrate},
    Command{"fit", "SWEEP", "the model fitted to a sweep: parameters, edges, advice", run_fit},
    Command{"topology", "", "what this machine is and what this process may use", run_topology},
};

void print_help() {
  fmt::print(
      "Usage: memory_benchmark [COMMAND] [flags]\n"
      "Measures this machine for language-model inference on its CPU and advises how many threads\n"
      "to give prefill and how many to give decode. Needs no weights, no engine and no root.\n\n"
      "Commands (without one: run):\n");
  for (const Command& command : kCommands) {
    fmt::print("  {:<41}{}\n", fmt::format("{} {}", command.name, command.arguments),
               command.summary);
  }
  fmt::print(
      "\nExamples:\n"
      "  memory_benchmark                                    measure for a minute, into a new "
      "folder\n"
      "  memory_benchmark --quick --model qwen3-4b:q4_0      ten seconds, one model\n"
      "  memory_benchmark recommend D/results.json --model qwen3-4b --format llama.cpp\n"
      "  memory_benchmark predict D/results.json --model llama-3.1-8b --threads 1-8\n\n"
      "memory_benchmark COMMAND --help tells more, --version --json of this build.\n"
      "Exit codes: 0 good, 1 failure, 2 usage, 3 no resource, 4 not available here,\n"
      "5 interrupted, 7 result untrustworthy.\n");
}

int dispatch(const Arguments& arguments) {
  if (arguments.empty()) return run_run(arguments);
  const std::string& first = arguments.front();
  if (first == "--help" || first == "-h" || first == "help") {
    print_help();
    return 0;
  }
  if (first == "--version") {
    if (arguments.size() > 2 || (arguments.size() == 2 && arguments[1] != "--json")) {
      throw Error(ErrorCode::kUsage, fmt::format("--version: '{}' is not --json", arguments[1]));
    }
    fmt::print("{}", arguments.size() == 2 ? version_json_text() : version_line() + "\n");
    return 0;
  }
  if (first.starts_with('-')) return run_run(arguments);
  const auto command = std::find_if(kCommands.begin(), kCommands.end(),
                                    [&](const Command& each) { return each.name == first; });
  if (command == kCommands.end()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("unknown command '{}'; memory_benchmark --help lists them", first));
  }
  return command->run({arguments.begin() + 1, arguments.end()});
}

// What was printed of an untrustworthy result is printed all the same, and may have been lost.
int code_of(const Arguments& arguments) {
  try {
    return dispatch(arguments);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUntrustworthy) throw;
    tell_error("memory_benchmark", error.what());
    return error.exit_code();
  }
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  try {
    mb::prepare_process();
    const int code = mb::code_of(mb::Arguments(argv + 1, argv + argc));
    mb::check_standard_output();
    return code;
  } catch (const mb::Error& error) {
    mb::tell_error("memory_benchmark", error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    std::fputs("memory_benchmark: out of memory; free memory or raise the limit\n", stderr);
    return static_cast<int>(mb::ErrorCode::kNoResource);
  } catch (const std::exception& error) {
    mb::tell_error("memory_benchmark", error.what());
    return static_cast<int>(mb::ErrorCode::kFailure);
  }
}
