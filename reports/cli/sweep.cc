// A real engine over thread counts: what follows -- is its command, run as it stands.
#include "probes/sweep/sweep.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "data/error.h"
#include "data/system/child.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/parse.h"
#include "reports/render/format.h"

namespace mb {
namespace {

Flags sweep_flags() {
  Flags flags("sweep",
              "Runs COMMAND once per thread count and round, reads tokens/s from what it prints\n"
              "and writes a sweep document. {threads} in COMMAND is the count.\n"
              "Usage: memory_benchmark sweep [flags] -- COMMAND ...",
              {},
              "  memory_benchmark sweep --threads 1-8 --set-flag -t -- llama-bench -m M.gguf\n"
              "  memory_benchmark sweep --set-env OMP_NUM_THREADS \\\n"
              "      --parse 'decode=([0-9.]+) tokens/s' -- python generate.py\n");
  flags.value("threads", "LIST", "thread counts (default: chosen from the machine)")
      .value("set-env", "NAME", "environment variable that tells COMMAND the count")
      .value("set-flag", "FLAG", "flag that tells COMMAND the count, such as -t")
      .values("parse", "RULE",
              "a built-in rule or PHASE=REGEX, repeatable (default: tried in turn)")
      .value("repeats", "N", "rounds over all counts (default 3)")
      .value("timeout", "TIME", "end a run that takes longer (default: never)")
      .value("model", "NAME", "the model's name for the document")
      .value("out", "FILE", "the document to write (default: sweep-DATE-TIME.json)")
      .flag("list-rules", "the built-in rules")
      .flag("json", "print the document instead of a table");
  return flags;
}

std::filesystem::path output_file(const Flags& flags) {
  const auto wanted = flags.get("out");
  std::filesystem::path path =
      wanted ? *wanted
             : fmt::format("sweep-{:%Y%m%d-%H%M%S}.json", fmt::localtime(std::time(nullptr)));
  if (std::filesystem::exists(path)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--out: {} is there already; nothing is overwritten, name another file",
                            path.string()));
  }
  return path;
}

SweepRequest sweep_request(const Flags& flags, const Arguments& command) {
  if (command.empty()) {
    throw Error(ErrorCode::kUsage,
                "sweep: the command is missing: write it after --, as in sweep "
                "--threads 1-8 --set-flag -t -- llama-bench -m M.gguf");
  }
  SweepRequest request;
  request.command = command;
  request.set_env = flags.get("set-env").value_or("");
  request.set_flag = flags.get("set-flag").value_or("");
  request.model = flags.get("model").value_or("");
  if (const auto threads = flags.get("threads")) {
    request.threads = parse_threads("--threads", *threads);
  }
  if (const auto repeats = flags.get("repeats")) {
    request.repeats = static_cast<int>(parse_count("--repeats", *repeats, 1));
  }
  if (const auto timeout = flags.get("timeout")) {
    request.timeout_seconds = parse_seconds("--timeout", *timeout);
  }
  for (const std::string& rule : flags.all("parse")) {
    request.rules.push_back(parse_rule_from_text(rule));
  }
  request.output = output_file(flags);
  request.on_progress = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  return request;
}

void print_table(const Sweep& sweep) {
  for (const SweepSeries& series : sweep.series) {
    fmt::print("{}\n{:>8}{:>12}\n", series.label.empty() ? series.phase : series.label, "threads",
               "tokens/s");
    for (const SweepPoint& point : series.points) {
      fmt::print("{:>8}{:>12}{}\n", point.threads.value_or(0),
                 point.tokens_per_second ? format_rate(*point.tokens_per_second) : point.status,
                 point.note.empty() ? "" : "  " + point.note);
    }
  }
}

void require_valid_point(const Sweep& sweep) {
  for (const SweepSeries& series : sweep.series) {
    for (const SweepPoint& point : series.points) {
      if (point.status == "valid") return;
    }
  }
  throw Error(ErrorCode::kUntrustworthy,
              "sweep: no run gave a figure; the document says why for each count");
}

}  // namespace

int run_sweep_command(const Arguments& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  Flags flags = sweep_flags();
  if (!flags.parse({arguments.begin(), dashes})) return 0;
  if (flags.has("list-rules")) {
    for (const ParseRule& rule : parse_rules()) fmt::print("{:<16}{}\n", rule.name, rule.summary);
    return 0;
  }
  const Arguments command(dashes == arguments.end() ? dashes : dashes + 1, arguments.end());
  const SweepRequest request = sweep_request(flags, command);
  install_interrupt_handler();
  const Sweep sweep = run_sweep(request);
  if (flags.has("json")) {
    fmt::print("{}", to_json_text(sweep));
  } else {
    print_table(sweep);
  }
  fmt::print(stderr, "{}: what was measured; memory_benchmark fit {} advises\n",
             request.output.string(), request.output.string());
  if (interrupt_requested()) {
    throw Error(ErrorCode::kInterrupted,
                fmt::format("interrupted; what was measured is in {}", request.output.string()));
  }
  require_valid_point(sweep);
  return 0;
}

}  // namespace mb
