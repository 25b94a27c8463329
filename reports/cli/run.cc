// The main job: measure into a new folder, advise, write the four files, say the answer.
// Order of the output: the CPU budget first, then progress (standard error), the summary, the
// files.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>

#include "data/documents/recommendation.h"
#include "data/error.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "data/system/streams.h"
#include "probes/campaign/campaign.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/cli/output_folder.h"
#include "reports/cli/parse.h"
#include "reports/cli/terminal.h"
#include "reports/cli/trust.h"
#include "reports/render/format.h"
#include "reports/render/render.h"

namespace mb {
namespace {

constexpr double kQuickSeconds = 10;
// Under this not even one probe gets its least useful time.
constexpr double kLeastBudgetSeconds = 2;

Flags run_flags() {
  Flags flags("run",
              "Measures this machine, predicts the models, advises thread counts and writes\n"
              "results.json, recommendation.json, report.html and report.png into a new folder.",
              {},
              "  memory_benchmark run --budget 2m --model llama-3.1-8b:q4_0 --out server-7\n"
              "  memory_benchmark run --quick --threads 1,2,4-16:4\n"
              "  memory_benchmark run --sustain 120s\n"
              "  memory_benchmark run --cloud-label       on EC2: which instance this is\n"
              "  memory_benchmark run --resume server-7\n");
  flags.value("out", "DIR", "the folder to create (default: memory_benchmark-DATE-TIME)")
      .value("budget", "TIME", "time to measure, such as 60s or 2m (default 60s)")
      .flag("quick", "the same in 10 s")
      .values("model", "MODEL", "a model to advise on, repeatable (default: all that fit)")
      .value("threads", "LIST", "thread counts to measure, such as 1,2,4-16:4 (default: chosen)")
      .value("png-dir", "DIR", "also one PNG a chart, with its gnuplot script, into this folder")
      .value("resume", "DIR", "finish the interrupted run in DIR")
      .value("sustain", "TIME",
             "beside the budget: repeat a step on all threads for so long, such as 120s, to see "
             "what heat or CPU credits leave of its rate")
      .flag("cloud-label",
            "ask the metadata service of EC2 (169.254.169.254, within 1 s) for instance type, "
            "purchasing option and zone; without it no network is used")
      .flag("quiet", "no progress and no summary: the files hold the answer, only errors are said")
      .flag("json", "print the recommendation as JSON instead of the summary");
  return flags;
}

// What the flags ask for; `base` holds what they leave open.
PlanRequest plan_request(const Flags& flags, PlanRequest base) {
  if (flags.has("quick") && flags.has("budget")) {
    throw Error(ErrorCode::kUsage, "run: --quick and --budget exclude each other; give one");
  }
  if (flags.has("quick")) base.budget_seconds = kQuickSeconds;
  if (const auto budget = flags.get("budget")) {
    base.budget_seconds = parse_seconds("--budget", *budget);
    if (base.budget_seconds < kLeastBudgetSeconds) {
      throw Error(ErrorCode::kUsage, fmt::format("--budget: '{}' is too short to measure anything; "
                                                 "give at least {} s",
                                                 *budget, kLeastBudgetSeconds));
    }
  }
  if (const auto sustain = flags.get("sustain")) {
    base.sustain_seconds = parse_seconds("--sustain", *sustain);
  }
  if (const auto threads = flags.get("threads"))
    base.threads = parse_threads("--threads", *threads);
  if (flags.has("model")) base.models = canonical_models(flags.all("model"));
  return base;
}

Results measure(const Flags& flags, const PlanRequest& plan, const OutputFolder& folder,
                const Arguments& arguments, const std::function<void(const Results&)>& on_results) {
  ProgressLine progress;
  CampaignRequest request;
  request.plan = plan;
  request.output_folder = folder.path();
  request.probe_folder = find_probe_folder();
  request.resume = flags.has("resume");
  request.cloud_label = flags.has("cloud-label");
  request.command = {"memory_benchmark", "run"};
  request.command.insert(request.command.end(), arguments.begin(), arguments.end());
  request.on_results = on_results;
  if (flags.has("quiet")) return run_campaign(request);
  request.on_progress = [&](const CampaignProgress& now) { progress.show(now); };
  request.on_machine = [&](const Machine& machine) {
    fmt::print(flags.has("json") ? stderr : stdout, "CPU budget: {}\n",
               format_cpu_budget(machine.limits));
    std::fflush(stdout);
  };
  return run_campaign(request);
}

// Returns why there is no picture, if so.
std::optional<Missing> write_reports(const OutputFolder& folder, const Results& results,
                                     const Recommendation& recommendation) {
  write_file_atomically(folder.path() / "recommendation.json", to_json_text(recommendation));
  write_file_atomically(folder.path() / "report.html", render_html(results, recommendation));
  return render_png(results, recommendation, folder.path() / "report.png");
}

void say_files(const OutputFolder& folder, const std::optional<Missing>& no_picture,
               std::FILE* stream) {
  fmt::print(stream, "\n{}: results.json, recommendation.json, report.html{}\n",
             folder.path().string(), no_picture ? "" : ", report.png");
  if (no_picture) {
    tell("no report.png: {}; {}\n", no_picture->cause, no_picture->remedy);
  }
}

}  // namespace

int run_run(const Arguments& arguments) {
  Flags flags = run_flags();
  if (!flags.parse(arguments)) return 0;
  if (flags.has("resume") && flags.has("out")) {
    throw Error(ErrorCode::kUsage, "run: --resume DIR names the folder; leave --out away");
  }
  if (flags.has("resume") && flags.has("cloud-label")) {
    throw Error(
        ErrorCode::kUsage,
        "run: --resume DIR keeps the machine as it was described; leave --cloud-label away");
  }
  install_interrupt_handler();  // before the folder, which would stay
  PlanRequest base;
  if (const auto resume = flags.get("resume")) {
    base = unfinished_request(OutputFolder::resume(*resume).path()).value_or(base);
  }
  const PlanRequest plan = plan_request(flags, base);
  const OutputFolder folder = flags.has("resume") ? OutputFolder::resume(*flags.get("resume"))
                                                  : OutputFolder::create(flags.get("out"));
  AdviceRequest advice;
  advice.models = plan.models;
  advice.results_file = "results.json";
  Recommendation recommendation;
  std::optional<Missing> no_picture;
  const Results results = measure(flags, plan, folder, arguments, [&](const Results& measured) {
    recommendation = advise_or_explain(measured, advice);
    no_picture = write_reports(folder, measured, recommendation);
  });
  if (results.state == "interrupted") {
    throw Error(ErrorCode::kInterrupted,
                fmt::format("interrupted; what was measured is in {}, finish it with "
                            "memory_benchmark run --resume {}",
                            (folder.path() / "results.json").string(), folder.path().string()));
  }
  if (const auto charts = flags.get("png-dir"); charts && !no_picture) {
    no_picture = render_png_folder(results, recommendation, *charts);
  }
  if (flags.has("json")) {
    fmt::print("{}", to_json_text(recommendation));
  } else if (!flags.has("quiet")) {
    fmt::print("{}", render_terminal(results, recommendation, standard_output_style()));
  }
  if (!flags.has("quiet")) {
    say_files(folder, no_picture, flags.has("json") ? stderr : stdout);
  }
  require_trust(results, recommendation, !plan.models.empty());
  return 0;
}

}  // namespace mb
