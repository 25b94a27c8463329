// The document is written at the end, after a signal, and now and then in between as "interrupted",
// so that a probe that is killed leaves the points which it has finished.
#include "probes/core/session.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>

#include "data/documents/level_order.h"
#include "data/error.h"
#include "data/system/child.h"
#include "data/system/clock.h"
#include "data/system/files.h"
#include "probes/core/build_facts.h"
#include "probes/core/counters.h"
#include "probes/core/describe_machine.h"
#include "probes/core/measure_point.h"

namespace mb {
namespace {

// Often enough that a kill costs little, seldom enough that syncing to disk does not.
constexpr double kWriteIntervalSeconds = 2;

Machine machine_for(const ProbeOptions& options) {
  if (!options.machine) return describe_machine();
  return machine_from_json_text(read_file(*options.machine), options.machine->string());
}

PlannedStep read_step(const std::filesystem::path& file, std::string_view probe) {
  PlannedStep step = step_from_json_text(read_file(file), file.string());
  if (step.probe != probe) {
    throw Error(ErrorCode::kUsage, fmt::format("--plan {}: the step is for '{}', this is '{}'",
                                               file.string(), step.probe, probe));
  }
  return step;
}

// OpenMP reads its variables without regard to case.
bool is_here(const std::map<std::string, std::string>& environment) {
  return std::ranges::all_of(environment, [](const auto& variable) {
    const char* value = std::getenv(variable.first.c_str());
    return value != nullptr && strcasecmp(value, variable.second.c_str()) == 0;
  });
}

std::string in_words(const std::map<std::string, std::string>& environment) {
  std::string words;
  for (const auto& [name, value] : environment) {
    words += fmt::format("{}{}={}", words.empty() ? "" : " ", name, value);
  }
  return words;
}

std::string isa_of(const Point& point) {
  const auto found = point.notes.find("isa");
  return found == point.notes.end() ? "" : found->second;
}

}  // namespace

Session::Session(const Probe& probe, const ProbeOptions& options, std::vector<std::string> command)
    : probe_(probe), options_(options), kit_(machine_for(options)) {
  results_.created_utc = utc_now();
  results_.command = std::move(command);
  results_.machine = kit_.machine();
  results_.build = build_facts();
  if (!papi_version().empty()) results_.build.libraries["papi"] = papi_version();
  if (options_.plan) {
    const PlannedStep step = read_step(*options_.plan, probe.name);
    points_ = step.points;
    results_.budget_seconds = step.seconds();
    return;
  }
  PlanRequest request;
  request.budget_seconds = options_.budget_seconds.value_or(kLoneProbeBudgetSeconds);
  request.probes = {std::string(probe.name)};
  const Plan plan = make_plan(kit_.machine(), request);
  results_.budget_seconds = request.budget_seconds;
  results_.missing = plan.missing;
  take_steps(plan.steps);
  if (options_.sustain_seconds && !points_.empty()) hold_one_point(*options_.sustain_seconds);
}

// Steps differ in the environment that their process is started with, and this process has one: the
// points are those of the steps that ask for nothing or for it, or else for what the first of those
// that ask at all asks.
void Session::take_steps(const std::vector<PlannedStep>& steps) {
  const auto asks = [](const PlannedStep& step) { return !step.environment.empty(); };
  auto ours = std::ranges::find_if(
      steps, [&](const PlannedStep& step) { return asks(step) && is_here(step.environment); });
  if (ours == steps.end()) ours = std::ranges::find_if(steps, asks);
  for (const PlannedStep& step : steps) {
    if (!asks(step) || step.environment == ours->environment) {
      points_.insert(points_.end(), step.points.begin(), step.points.end());
      continue;
    }
    const std::string asked = in_words(step.environment);
    results_.missing.push_back({fmt::format("{} with {}", probe_.name, asked),
                                "a process has one environment",
                                fmt::format("run it once more, started with {}", asked)});
  }
}

void Session::hold_one_point(double seconds) {
  PlannedPoint held = points_.front();
  for (const PlannedPoint& planned : points_) {  // the last of equals is the one that asks most
    if (planned.parameters.number_or("threads", 1) >= held.parameters.number_or("threads", 1)) {
      held = planned;
    }
  }
  held.parameters.set("sustain_seconds", static_cast<std::int64_t>(std::lround(seconds)));
  held.seconds = seconds;
  points_ = {held};
  results_.budget_seconds = seconds;
}

std::string Session::name_of(const PlannedPoint& planned) const {
  return planned.parameters.name(probe_.name);
}

Session::Outcome Session::measure(const PlannedPoint& planned) {
  if (failure_) return {std::nullopt, "not measured: an earlier point failed"};
  if (interrupted_ || interrupt_requested()) {
    interrupted_ = true;
    return {std::nullopt, "not measured: interrupted"};
  }
  try {
    const Point point = measure_point(probe_, planned, kit_, monotonic_clock(), HostFiles());
    add(point);
    write_now_and_then();
    return {point, ""};
  } catch (const WrongResult& error) {
    const std::string what = fmt::format("{}: {}", name_of(planned), error.what());
    StepRecord record;  // whoever reads the document must see it, whatever else goes well
    record.probe = probe_.name;
    record.exit_code = error.exit_code();
    record.verdict.worsen(Validity::kInvalid, "wrong_result", what);
    results_.steps.push_back(std::move(record));
    failure_ = std::make_exception_ptr(Error(error.code(), what));
    return {std::nullopt, error.what()};
  } catch (const Error& error) {
    switch (error.code()) {
      case ErrorCode::kNotAvailable:
      case ErrorCode::kNoResource:
        add_missing(name_of(planned), error.what());
        break;
      case ErrorCode::kInterrupted:
        interrupted_ = true;
        break;
      default:
        failure_ = std::make_exception_ptr(
            Error(error.code(), fmt::format("{}: {}", name_of(planned), error.what())));
    }
    return {std::nullopt, error.what()};
  } catch (const std::bad_alloc&) {
    add_missing(name_of(planned), "out of memory; free memory or raise the limit");
    return {std::nullopt, "out of memory"};
  } catch (const std::exception& error) {
    failure_ = std::current_exception();
    return {std::nullopt, error.what()};
  }
}

void Session::add(const Point& point) {
  Results one;
  one.machine = results_.machine;
  one.points.push_back(point);
  merge(results_, one);
  if (!isa_of(point).empty()) results_.build.isa_chosen = isa_of(point);
}

void Session::add_missing(const std::string& what, const std::string& message) {
  // Our messages end in the remedy, after the semicolon.
  const std::size_t split = message.rfind("; ");
  Missing missing{what, message.substr(0, split),
                  split == std::string::npos ? "" : message.substr(split + 2)};
  if (std::ranges::find(results_.missing, missing) == results_.missing.end()) {
    results_.missing.push_back(std::move(missing));
  }
}

void Session::write(std::string_view state) {
  if (!options_.out) return;
  results_.state = state;
  write_file_atomically(*options_.out, to_json_text(results_));
}

void Session::write_now_and_then() {
  const double now = monotonic_clock().now_seconds();
  if (now - last_write_seconds_ < kWriteIntervalSeconds) return;
  write("interrupted");
  last_write_seconds_ = now;
}

int Session::finish() {
  interrupted_ = interrupted_ || interrupt_requested();
  if (!options_.plan) flag_level_order(results_);  // else whoever joins the documents does
  write(failure_ || interrupted_ ? "interrupted" : "complete");
  if (failure_) std::rethrow_exception(failure_);
  const auto& points = results_.points;
  if (interrupted_) {
    throw Error(
        ErrorCode::kInterrupted,
        fmt::format("interrupted by a signal: {} points finished{}", points.size(),
                    options_.out ? fmt::format(", kept in {}", options_.out->string()) : ""));
  }
  // With a plan the document is the answer, and whoever made the plan judges it.
  if (options_.plan) return 0;
  if (points.empty()) {
    const bool known = !results_.missing.empty();
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("no result here: {}",
                            known ? results_.missing.back().cause : "no points in the plan"));
  }
  // Each point was asked for, so one that cannot be trusted is enough.
  const auto invalid = [](const Point& point) {
    return point.verdict.validity == Validity::kInvalid;
  };
  const auto first = std::ranges::find_if(points, invalid);
  if (first == points.end()) return 0;
  std::string why;
  for (const Reason& reason : first->verdict.reasons) {
    if (reason.code == "missing_signal") continue;
    why += fmt::format("{}{}: {}", why.empty() ? "" : ", ", reason.code, reason.detail);
  }
  throw Error(ErrorCode::kUntrustworthy,
              fmt::format("{} of {} results are invalid, first {} ({})",
                          std::ranges::count_if(points, invalid), points.size(), first->name, why));
}

}  // namespace mb
