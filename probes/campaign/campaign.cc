// Steps run one after the other, so that no probe disturbs another. The journal takes a step's
// document the moment it ends; results.json is written once, from the same documents in the order
// of the plan, so that a resumed run and an undisturbed one leave the same thing.
#include "probes/campaign/campaign.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <system_error>
#include <utility>

#include "data/documents/level_order.h"
#include "data/error.h"
#include "data/plan/topology_check.h"
#include "data/system/child.h"
#include "data/system/clock.h"
#include "data/system/files.h"
#include "probes/campaign/deadline.h"
#include "probes/campaign/journal.h"
#include "probes/campaign/second_try.h"
#include "probes/campaign/step.h"

namespace mb {
namespace {

// Inside the output folder under one name, so that what a killed run left there goes with the next.
class WorkFolder {
 public:
  explicit WorkFolder(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directory(path_);
  }
  ~WorkFolder() { remove(); }
  void remove() noexcept {
    try {
      std::error_code ignored;
      std::filesystem::remove_all(path_, ignored);
    } catch (...) {  // out of memory; the next run in this folder takes it away
    }
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class Campaign {
 public:
  explicit Campaign(const CampaignRequest& request)
      : request_(request),
        lock_(request.output_folder),
        journal_path_(request.output_folder / kJournalName),
        work_(request.output_folder / ".campaign"),
        begin_seconds_(monotonic_clock().now_seconds()) {
    remove_stale_temporaries(request.output_folder);
  }

  Results run() {
    prepare();
    machine_ = journal_.start.machine;
    adopt_topology();
    write_file_atomically(machine_file(), machine_to_json_text(machine_));
    if (request_.on_machine) request_.on_machine(journal_.start.machine);
    bool interrupted = false;
    for (std::size_t index = 0; index < journal_.steps.size() && !interrupted; ++index) {
      if (journal_.finished.contains(index)) continue;
      interrupted = interrupt_requested() || !measure(index);
    }
    if (!interrupted) interrupted = !try_again();
    Results results = assemble(interrupted);
    write_file_atomically(request_.output_folder / "results.json", to_json_text(results));
    if (interrupted) return results;
    if (request_.on_results) request_.on_results(results);
    // The journal goes last: as long as it is there, a resume takes away what a kill leaves.
    work_.remove();
    std::filesystem::remove(journal_path_);
    return results;
  }

 private:
  std::filesystem::path machine_file() const { return work_.path() / "machine.json"; }

  // The machine, the plan, and what an earlier run has finished.
  void prepare() {
    Results start =
        run_machine_probe(request_.probe_folder / "machine", work_.path(), request_.cloud_label);
    if (request_.resume) {
      if (auto earlier = read_campaign_journal(journal_path_)) {
        require_same_request(earlier->request, request_.plan);
        require_same_machine(earlier->start.machine, start.machine);
        journal_ = *std::move(earlier);
        // Time that the earlier run has used on finished steps counts as used.
        for (const auto& [index, document] : journal_.finished) {
          begin_seconds_ -= journal_.steps.at(index).seconds();
        }
        return;
      }
    }
    Plan plan = make_plan(start.machine, request_.plan);
    start.created_utc = utc_now();
    start.command = request_.command;
    start.budget_seconds = request_.plan.budget_seconds;
    start.missing.insert(start.missing.end(), plan.missing.begin(), plan.missing.end());
    journal_ = {request_.plan, std::move(start), std::move(plan.steps), {}};
    std::filesystem::remove(journal_path_);
    begin_journal(journal_path_, journal_);
  }

  // What pairs of CPUs show is acted upon where it surely differs from the system's claim: the
  // steps that follow are planned and placed by it. The document keeps the claim; advice infers
  // anew.
  void adopt_topology() {
    Results pairs = journal_.start;
    for (const auto& [index, document] : journal_.finished) {
      if (journal_.steps.at(index).probe == "core_to_core") merge(pairs, document);
    }
    const Machine inferred = with_inferred_topology(pairs.machine, check_topology(pairs));
    if (inferred == machine_) return;
    machine_ = inferred;
    if (journal_.finished.size() == 1 && journal_.finished.contains(0)) plan_anew();
  }

  // The first step stays as it was: it is finished.
  void plan_anew() {
    Plan before = make_plan(journal_.start.machine, request_.plan);
    Plan plan = make_plan(machine_, request_.plan);
    if (plan.steps.empty() || plan.steps.front().probe != journal_.steps.front().probe) return;
    auto& missing = journal_.start.missing;
    std::erase_if(missing, [&](const Missing& entry) {
      return std::ranges::find(before.missing, entry) != before.missing.end();
    });
    missing.insert(missing.end(), plan.missing.begin(), plan.missing.end());
    plan.steps.front() = journal_.steps.front();
    journal_.steps = std::move(plan.steps);
    std::filesystem::remove(journal_path_);
    begin_journal(journal_path_, journal_);
    append_finished(journal_path_, 0, journal_.finished.at(0));
  }

  double budget_seconds() const {
    return request_.plan.budget_seconds + request_.plan.sustain_seconds;
  }
  double seconds_used() const { return monotonic_clock().now_seconds() - begin_seconds_; }

  // The unfinished steps from `index` on, in order.
  std::vector<PlannedStep> ahead(std::size_t index) const {
    std::vector<PlannedStep> steps;
    for (; index < journal_.steps.size(); ++index) {
      if (!journal_.finished.contains(index)) steps.push_back(journal_.steps[index]);
    }
    return steps;
  }

  // False when interrupted.
  bool measure(std::size_t index) {
    const double budget = budget_seconds();
    const std::vector<PlannedStep> steps = ahead(index);
    const double seconds_left = kMeasuringEnds * budget - seconds_used();
    const Remaining fit = fit_to_time(steps, seconds_left / pace_.factor());
    if (fit.kept == 0) {
      drop(index);
      return true;
    }
    const PlannedStep step = scaled(journal_.steps[index], fit.factor);
    StepRequest request{.step = step,
                        .program = request_.probe_folder / step.probe,
                        .machine = machine_,
                        .machine_file = machine_file(),
                        .work_folder = work_.path(),
                        .timeout_seconds = 0,
                        .on_tick = {},
                        .host = request_.host};
    request.timeout_seconds = timeout_seconds(step, kHardEnd * budget - seconds_used());
    const double step_begin = seconds_used();
    request.on_tick = [&] { report(index, steps, fit, seconds_used() - step_begin, {}); };
    request.on_tick();
    StepOutcome outcome = run_step(request);
    outcome.document.machine = journal_.start.machine;
    if (outcome.interrupted) {
      unfinished_ = std::move(outcome.document);
      return false;
    }
    // A step that failed says nothing of how long one takes.
    const StepRecord& record = outcome.document.steps.back();
    if (record.verdict.validity == Validity::kValid) pace_.add(step.seconds(), record.seconds);
    report(index, steps, fit, step.seconds(), message_of(record));
    append_finished(journal_path_, index, outcome.document);
    journal_.finished[index] = std::move(outcome.document);
    if (step.probe == "core_to_core") {
      adopt_topology();
      write_file_atomically(machine_file(), machine_to_json_text(machine_));
    }
    return true;
  }

  // What is left of the time goes to points that were spoilt. False when interrupted.
  bool try_again() {
    const double budget = budget_seconds();
    const double seconds_left = (kMeasuringEnds * budget - seconds_used()) / pace_.factor();
    for (const SecondTry& again : second_tries(journal_.steps, journal_.finished, seconds_left)) {
      StepRequest request{.step = again.points,
                          .program = request_.probe_folder / again.points.probe,
                          .machine = machine_,
                          .machine_file = machine_file(),
                          .work_folder = work_.path(),
                          .timeout_seconds = 0,
                          .on_tick = {},
                          .host = request_.host};
      request.timeout_seconds = timeout_seconds(again.points, kHardEnd * budget - seconds_used());
      const StepOutcome outcome = run_step(request);
      if (outcome.interrupted) return false;
      const int better = take_better(journal_.finished.at(again.step), outcome.document);
      if (!request_.on_progress) continue;
      request_.on_progress(
          {.share = 1,
           .eta_seconds = 0,
           .step = again.points.probe,
           .message = fmt::format("{}: {} of {} points better at a second try", again.points.probe,
                                  better, again.points.points.size())});
    }
    return true;
  }

  // Too late for this step; a shorter one after it may still find room.
  void drop(std::size_t index) {
    const PlannedStep& step = journal_.steps[index];
    Results nothing;
    nothing.machine = journal_.start.machine;
    nothing.missing.push_back({fmt::format("{} ({} points)", step.probe, step.points.size()),
                               "the time was over: earlier steps took longer than planned",
                               "allow a longer --budget, or measure when the machine is idle"});
    journal_.finished[index] = std::move(nothing);  // not journalled: a resume has the time again
  }

  static std::string message_of(const StepRecord& record) {
    if (record.verdict.reasons.empty()) {
      return fmt::format("{}: {} points in {:.1f} s", record.probe, record.points, record.seconds);
    }
    return fmt::format("{} failed: {}; the run goes on", record.probe,
                       record.verdict.reasons.front().detail);
  }

  void report(std::size_t index, std::span<const PlannedStep> steps, const Remaining& fit,
              double step_seconds, std::string message) const {
    if (!request_.on_progress) return;
    double after = 0;  // still to come when this step is done
    for (const PlannedStep& step : steps.first(fit.kept))
      after += scaled(step, fit.factor).seconds();
    const double planned = scaled(steps.front(), fit.factor).seconds();
    const double ahead_seconds = after - std::min(step_seconds, planned);
    const double used = seconds_used();
    CampaignProgress progress;
    progress.share = used / std::max(1e-9, used + ahead_seconds);
    progress.eta_seconds = std::max(0.0, ahead_seconds);
    progress.step =
        fmt::format("{} ({} of {})", journal_.steps[index].probe, index + 1, journal_.steps.size());
    progress.message = std::move(message);
    request_.on_progress(progress);
  }

  Results assemble(bool interrupted) const {
    Results results = journal_.start;
    for (const auto& [index, document] : journal_.finished) merge(results, document);
    flag_level_order(results);
    if (interrupted) {
      if (unfinished_) merge(results, *unfinished_);
      results.state = "interrupted";
      for (std::size_t index = 0; index < journal_.steps.size(); ++index) {
        if (journal_.finished.contains(index)) continue;
        const PlannedStep& step = journal_.steps[index];
        results.missing.push_back(
            {fmt::format("{} ({} points)", step.probe, step.points.size()),
             "the run was interrupted",
             "memory_benchmark run --resume " + request_.output_folder.string()});
      }
    }
    return results;
  }

  const CampaignRequest& request_;
  const FolderLock lock_;  // before the work folder, which another run may be using
  const std::filesystem::path journal_path_;
  WorkFolder work_;
  double begin_seconds_;
  Pace pace_;
  Journal journal_;
  Machine machine_;                    // as the probes are told
  std::optional<Results> unfinished_;  // what an interrupted step had written
};

}  // namespace

Results run_campaign(const CampaignRequest& request) { return Campaign(request).run(); }

Machine describe_this_machine(const std::filesystem::path& probe_folder, bool cloud_label) {
  const TemporaryFolder work;
  return run_machine_probe(probe_folder / "machine", work.path(), cloud_label).machine;
}

std::optional<PlanRequest> unfinished_request(const std::filesystem::path& folder) {
  if (auto journal = read_campaign_journal(folder / kJournalName)) return journal->request;
  return std::nullopt;
}

// In a relocatable package /proc/self/exe is its loader in lib/ (scripts/packages/launcher.cc), for
// which the second folder is right as well.
std::filesystem::path find_probe_folder() {
  const std::filesystem::path bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  if (std::filesystem::exists(bin / "machine")) return bin;
  const std::filesystem::path libexec = bin.parent_path() / "libexec" / "memory_benchmark";
  if (std::filesystem::exists(libexec / "machine")) return libexec;
  throw Error(
      ErrorCode::kFailure,
      fmt::format("the probe programs are neither in {} nor in {}; is the installation whole?",
                  bin.string(), libexec.string()));
}

}  // namespace mb
