// A real engine over thread counts and whatever else is varied: what follows -- is its command, run
// as it stands. While it runs a table fills (on a terminal; elsewhere one line a run); at the end
// come the table, the fit and what to type.
#include "probes/sweep/sweep.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "data/system/streams.h"
#include "reports/cli/command.h"
#include "reports/cli/fit_text.h"
#include "reports/cli/flags.h"
#include "reports/cli/parse.h"
#include "reports/cli/sweep_text.h"
#include "reports/model/fit.h"
#include "reports/render/format.h"
#include "reports/render/sweep_charts.h"

namespace mb {
namespace {

Flags sweep_flags() {
  Flags flags(
      "sweep",
      "Runs COMMAND once per thread count and round, reads tokens/s from what it prints,\n"
      "watches its threads and writes a sweep document. {threads} in COMMAND is the count.\n"
      "Usage: memory_benchmark sweep [flags] -- COMMAND ...",
      {},
      "  memory_benchmark sweep --threads 1-8 --set-flag -t -- llama-bench -m M.gguf -o json\n"
      "  memory_benchmark sweep --threads 2,4,8 --set-env OMP_NUM_THREADS \\\n"
      "      --vary model=gemma-3-270m-it,gemma-3-1b-it -- python generate.py {model}\n"
      "  memory_benchmark sweep --set-env RAYON_NUM_THREADS \\\n"
      "      --parse 'decode=([0-9.]+) tokens/s' -- ./engine\n"
      "  memory_benchmark sweep --vary prompt=64,512,4096 -- llama-bench -p {prompt} -n 0\n"
      "  memory_benchmark sweep --resume --out S.json --threads 1-8 -- the same command\n");
  flags
      .value("threads", "LIST", "thread counts (default: chosen from the machine, and its default)")
      .values("set-env", "NAME", "environment variable that tells COMMAND the count, repeatable")
      .values("set-flag", "FLAG", "flag that tells COMMAND the count, such as -t, repeatable")
      .values("vary", "NAME=LIST",
              "vary {NAME} in COMMAND, a flag (--NAME=LIST) or an environment variable, repeatable")
      .value("repeat", "N", "rounds over all points (default 3)")
      .value("warmup", "N", "cold runs of each series, kept apart (default 1)")
      .value("order", "ORDER",
             "within a round: ascending, descending or random (default ascending)")
      .value("seed", "N", "of the random order (default 1)")
      .value("timeout", "TIME", "end a run that takes longer (default 10m)")
      .flag("pin", "keep COMMAND on as many CPUs as it has threads, cores first")
      .flag("unpinned", "leave it where it runs (default); with --pin: measure both")
      .value("beside", "COMMAND",
             "measure alone and beside this neighbour (words, quotes, no shell)")
      .values("parse", "RULE", "a built-in rule or NAME=REGEX, repeatable (default: tried in turn)")
      .value("read", "FILE",
             "read figures from this file too, which a run writes; {threads} as above")
      .value("model", "NAME", "the model's name for the document")
      .value("out", "FILE", "the document to write (default: sweep-DATE-TIME.json)")
      .flag("resume", "go on with the unfinished sweep in --out")
      .value("chart", "FILE",
             "the picture to write (default: beside the document; none: no picture)")
      .flag("list-rules", "the built-in rules")
      .flag("json", "print the document instead of tables");
  return flags;
}

std::filesystem::path output_file(const Flags& flags) {
  const auto wanted = flags.get("out");
  if (flags.has("resume")) {
    if (!wanted || !std::filesystem::exists(*wanted)) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--resume: {}; name the unfinished document with --out",
                              wanted ? *wanted + " is not there" : "no document is named"));
    }
    return *wanted;
  }
  std::filesystem::path path =
      wanted ? *wanted
             : fmt::format("sweep-{:%Y%m%d-%H%M%S}.json", fmt::localtime(std::time(nullptr)));
  if (std::filesystem::exists(path)) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("--out: {} is there already; nothing is overwritten: name another file, "
                    "or go on with it by --resume",
                    path.string()));
  }
  return path;
}

SweepOrder sweep_order(const std::string& text) {
  if (text == "ascending") return SweepOrder::kAscending;
  if (text == "descending") return SweepOrder::kDescending;
  if (text == "random") return SweepOrder::kRandom;
  throw Error(ErrorCode::kUsage,
              fmt::format("--order: '{}' is not ascending, descending or random", text));
}

// The runs of the document that goes on; the command must be the one it was made with.
std::vector<SweepRun> known_runs(const std::filesystem::path& file, const Arguments& command) {
  Sweep sweep = sweep_from_json_text(read_file(file), file.string());
  if (sweep.command != command) {
    throw Error(ErrorCode::kUsage, fmt::format("--resume: {} was made with another command: {}",
                                               file.string(), fmt::join(sweep.command, " ")));
  }
  return std::move(sweep.runs);
}

void set_conditions(SweepRequest& request, const Flags& flags) {
  constexpr double kDefaultTimeoutSeconds = 600;
  request.timeout_seconds = kDefaultTimeoutSeconds;
  if (const auto timeout = flags.get("timeout")) {
    request.timeout_seconds = parse_seconds("--timeout", *timeout);
  }
  request.pinned = flags.has("pin");
  request.unpinned = flags.has("unpinned") || !request.pinned;
  if (const auto beside = flags.get("beside")) {
    request.beside = split_command(*beside);
    if (request.beside.empty()) {
      throw Error(ErrorCode::kUsage, "--beside: expected a command, as in 'stress-ng --cpu 2'");
    }
  }
  request.repeats = static_cast<int>(parse_count("--repeat", flags.get("repeat").value_or("3"), 1));
  request.warmups = static_cast<int>(parse_count("--warmup", flags.get("warmup").value_or("1"), 0));
  request.order = sweep_order(flags.get("order").value_or("ascending"));
  request.seed =
      static_cast<std::uint64_t>(parse_count("--seed", flags.get("seed").value_or("1"), 0));
}

SweepRequest sweep_request(const Flags& flags, const Arguments& command) {
  if (command.empty()) {
    throw Error(ErrorCode::kUsage,
                "sweep: the command is missing: write it after --, as in sweep "
                "--threads 1-8 --set-flag -t -- llama-bench -m M.gguf");
  }
  SweepRequest request;
  request.command = command;
  request.set_env = flags.all("set-env");
  request.set_flag = flags.all("set-flag");
  request.model = flags.get("model").value_or("");
  request.result_file = flags.get("read").value_or("");
  if (const auto threads = flags.get("threads")) {
    request.threads = parse_threads("--threads", *threads);
  }
  for (const std::string& text : flags.all("vary")) {
    VaryText vary = parse_vary(text);
    request.axes.push_back({std::move(vary.name), std::move(vary.values)});
  }
  set_conditions(request, flags);
  request.rules = parse_rules_from_texts(flags.all("parse"));
  request.output = output_file(flags);
  if (flags.has("resume")) request.known_runs = known_runs(request.output, command);
  return request;
}

// The table so far, drawn over its last state; where nobody watches, one line a run.
class LiveTable {
 public:
  void show(const std::string& line, const Sweep& so_far) {
    if (!terminal_) {
      tell("{}\n", line);
      return;
    }
    if (lines_ > 0) tell("\x1b[{}A\x1b[J", lines_);
    const std::string text = sweep_table(so_far) + line + "\n";
    tell("{}", text);
    lines_ = std::count(text.begin(), text.end(), '\n');
  }
  ~LiveTable() {  // what follows stands in its place
    if (lines_ > 0) tell("\x1b[{}A\x1b[J", lines_);
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::ptrdiff_t lines_ = 0;
};

// "OMP_NUM_THREADS=8", "-t 8": what gives the engine this count.
std::string how_to_say(const SweepRequest& request, int threads) {
  std::vector<std::string> ways;
  for (const std::string& name : request.set_env)
    ways.push_back(fmt::format("{}={}", name, threads));
  for (const std::string& flag : request.set_flag)
    ways.push_back(fmt::format("{} {}", flag, threads));
  for (const std::string& argument : request.command) {
    if (argument.find("{threads}") == std::string::npos) continue;
    std::string text = argument;
    text.replace(text.find("{threads}"), 9, std::to_string(threads));
    ways.push_back(text);
  }
  return fmt::format("{}", fmt::join(ways, " "));
}

void print_advice(const SweepRequest& request, const Sweep& sweep,
                  const std::vector<SeriesFit>& fits) {
  for (std::size_t i = 0; i < fits.size(); ++i) {
    if (is_condition(sweep.series[i])) continue;  // said against what it is a condition of, below
    print_fit(fits[i]);
    if (fits[i].recommended_threads > 0) {
      fmt::print("  say: {}\n", how_to_say(request, fits[i].recommended_threads));
    }
  }
  for (const std::string& line : condition_lines(sweep, fits)) fmt::print("{}\n", line);
}

void draw(const Flags& flags, const SweepRequest& request, const Sweep& sweep,
          const std::vector<SeriesFit>& fits) {
  const auto wanted = flags.get("chart");
  if (wanted == "none") return;
  std::filesystem::path png = wanted ? std::filesystem::path(*wanted) : request.output;
  if (!wanted) png.replace_extension(".png");
  if (const auto missing = sweep_png(sweep, fits, png)) {
    tell("no picture: {}; {}\n", missing->cause, missing->remedy);
  } else {
    tell("{}: the curves\n", png.string());
  }
}

bool has_valid_point(const Sweep& sweep) {
  return std::ranges::any_of(sweep.series, [](const SweepSeries& series) {
    return std::ranges::any_of(series.points,
                               [](const SweepPoint& point) { return point.status == "valid"; });
  });
}

}  // namespace

int run_sweep_command(const Arguments& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  Flags flags = sweep_flags();
  if (!flags.parse({arguments.begin(), dashes})) return 0;
  if (flags.has("list-rules")) {
    for (const ParseRule& rule : parse_rules()) fmt::print("{:<18}{}\n", rule.name, rule.summary);
    return 0;
  }
  const Arguments command(dashes == arguments.end() ? dashes : dashes + 1, arguments.end());
  SweepRequest request = sweep_request(flags, command);
  install_interrupt_handler();
  Sweep sweep;
  {
    LiveTable table;
    request.on_progress = [&](const std::string& line, const Sweep& so_far) {
      table.show(line, so_far);
    };
    sweep = run_sweep(request);
  }
  if (flags.has("json")) {
    fmt::print("{}", to_json_text(sweep));
  } else {
    fmt::print("{}", sweep_table(sweep));
  }
  if (interrupt_requested()) {
    throw Error(ErrorCode::kInterrupted,
                fmt::format("interrupted; what was measured is in {}, sweep --resume goes on",
                            request.output.string()));
  }
  if (!has_valid_point(sweep)) {
    throw Error(ErrorCode::kUntrustworthy,
                fmt::format("sweep: no run gave a figure; {} says why for each point",
                            request.output.string()));
  }
  std::vector<SeriesFit> fits;
  if (!flags.has("json")) {
    fits = fit_sweep(sweep, FitOptions());
    print_advice(request, sweep, fits);
  }
  tell("{}: what was measured; memory_benchmark fit {} fits it again\n", request.output.string(),
       request.output.string());
  draw(flags, request, sweep, fits);
  return 0;
}

}  // namespace mb
