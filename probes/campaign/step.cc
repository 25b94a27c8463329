// A child writes its document to a file of the work folder, never to a pipe, so that what it prints
// for people (Google Benchmark's table) does not matter here.
#include "probes/campaign/step.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdint>
#include <optional>
#include <sstream>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/files.h"

namespace mb {
namespace {

// It only reads /sys and /proc; hwloc takes seconds on the largest machines.
constexpr double kMachineProbeSeconds = 30;
// A probe's own words are for people at a terminal; a campaign keeps the end for its messages.
constexpr std::size_t kKeptOutputBytes = 16 << 10;

std::string why(const ChildResult& child) {
  // Of a missing program nothing was said, of one that we ended only that we did.
  if (child.not_found || child.timed_out) return child.describe();
  const std::string said = last_line(child.standard_error);
  return child.describe() + (said.empty() ? "" : ": " + said);
}

// nullopt with the reason in `problem` when there is no whole document of this machine.
std::optional<Results> read_document(const std::filesystem::path& path, const Machine& machine,
                                     std::string& problem) {
  try {
    Results document = results_from_json_text(read_file(path), path.filename().string());
    Results trial;
    trial.machine = machine;
    merge(trial, document);
    document.state = "complete";  // a child that was ended for its timeout says "interrupted"
    return document;
  } catch (const Error& error) {
    problem = error.what();
    return std::nullopt;
  }
}

// Kills for memory since boot, in whatever cgroup (Linux 4.13 and later); -1: not told.
std::int64_t oom_kills(const HostFiles& host) {
  std::istringstream lines(host.read("/proc/vmstat").value_or(""));
  std::string key;
  for (std::int64_t count = 0; lines >> key >> count;) {
    if (key == "oom_kill") return count;
  }
  return -1;
}

Reason failure_of(const ChildResult& child, bool memory_kill) {
  if (child.signal == SIGKILL && !child.timed_out && memory_kill) {
    return {"oom", fmt::format("{}; it held {:.0f} MiB", why(child),
                               static_cast<double>(child.peak_rss_bytes) / (1 << 20))};
  }
  return {child.timed_out ? "timed_out" : "probe_failed", why(child)};
}

void record_failure(StepOutcome& outcome, const PlannedStep& step, const Reason& reason) {
  StepRecord& record = outcome.document.steps.back();
  record.verdict.worsen(Validity::kInvalid, reason.code, reason.detail);
  const std::string& cause = reason.detail;
  const auto asked = step.points.size();
  // What the child itself lists as missing has its reason already.
  const auto answered = outcome.document.points.size() + outcome.document.missing.size();
  if (answered >= asked) return;
  outcome.document.missing.push_back(
      {answered == 0 ? fmt::format("{} ({} points)", step.probe, asked)
                     : fmt::format("{} ({} of {} points)", step.probe, asked - answered, asked),
       "the probe failed: " + cause,
       cause.find("its time was over") != std::string::npos
           ? "allow a longer --budget, or measure when the machine is idle"
           : "see what it says alone: memory_benchmark probe " + step.probe});
}

}  // namespace

std::string last_line(const std::string& text) {
  constexpr std::size_t kMost = 200;
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return {};
  const std::size_t newline = text.find_last_of('\n', end);
  const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
  return text.substr(begin, std::min(kMost, end + 1 - begin));
}

StepOutcome run_step(const StepRequest& request) {
  const std::filesystem::path plan_file = request.work_folder / "plan.json";
  const std::filesystem::path answer_file = request.work_folder / "points.json";
  std::filesystem::remove(answer_file);
  write_file_atomically(plan_file, to_json_text(request.step));

  ChildRequest child_request;
  child_request.argv = {request.program.string(),
                        "--machine",  //
                        request.machine_file.string(),
                        "--plan",  //
                        plan_file.string(),
                        "--out",  //
                        answer_file.string()};
  child_request.environment = request.step.environment;
  child_request.timeout_seconds = request.timeout_seconds;
  child_request.max_output_bytes = kKeptOutputBytes;
  if (request.on_tick) child_request.on_tick = [&](int) { request.on_tick(); };
  const std::int64_t kills_before = oom_kills(request.host);
  const ChildResult child = run_child(child_request);
  const bool memory_kill = oom_kills(request.host) > kills_before;

  StepOutcome outcome;
  outcome.interrupted = child.interrupted;
  std::string problem;
  if (std::optional<Results> document = read_document(answer_file, request.machine, problem)) {
    outcome.document = *std::move(document);
  }
  StepRecord record;
  record.probe = request.step.probe;
  record.argv = child_request.argv;
  record.seconds = child.seconds;
  record.exit_code = child.signal != 0 ? 128 + child.signal : child.exit_code;  // as a shell says
  record.points = static_cast<int>(outcome.document.points.size());
  for (const StepRecord& said : outcome.document.steps) {  // what the probe says of itself
    for (const Reason& reason : said.verdict.reasons) {
      record.verdict.worsen(said.verdict.validity, reason.code, reason.detail);
    }
  }
  outcome.document.steps = {record};
  if (child.interrupted) {
    outcome.document.steps.back().verdict.worsen(Validity::kInvalid, "probe_failed", "interrupted");
  } else if (!child.ok()) {
    record_failure(outcome, request.step, failure_of(child, memory_kill));
  } else if (!problem.empty()) {
    record_failure(outcome, request.step,
                   {"probe_failed", "it wrote no readable document (" + problem + ")"});
  }
  return outcome;
}

Results run_machine_probe(const std::filesystem::path& program,
                          const std::filesystem::path& work_folder, bool cloud_label) {
  const std::filesystem::path answer_file = work_folder / "machine_results.json";
  ChildRequest child_request;
  child_request.argv = {program.string(), "--out", answer_file.string()};
  if (cloud_label) child_request.argv.emplace_back("--cloud-label");
  child_request.timeout_seconds = kMachineProbeSeconds;
  child_request.max_output_bytes = kKeptOutputBytes;
  const ChildResult child = run_child(child_request);
  if (child.interrupted) throw Error(ErrorCode::kInterrupted, "interrupted before the first point");
  if (!child.ok()) {
    throw Error(ErrorCode::kFailure,
                fmt::format("{}: the machine could not be described ({}); is the installation "
                            "whole? Nothing can be planned without it",
                            program.string(), why(child)));
  }
  return results_from_json_text(read_file(answer_file), program.string() + " --out");
}

}  // namespace mb
