// Runs are recorded by count; the document is built anew from the records after each run, so what
// is on disk is always a whole document of what is known.
#include "probes/sweep/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "data/documents/results.h"
#include "data/error.h"
#include "data/plan/plan.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "probes/core/describe_machine.h"

namespace mb {
namespace {

// What a series of the document is told apart by.
struct SeriesKey {
  std::string phase;
  std::optional<double> prompt_tokens, context_tokens;
  bool operator==(const SeriesKey&) const = default;
};

struct Record {  // of one thread count
  std::vector<std::pair<SeriesKey, std::vector<double>>> samples;
  std::string failure;  // of the run that failed; empty: none did

  std::vector<double>& of(const SeriesKey& key) {
    const auto found = std::ranges::find_if(samples, [&](const auto& s) { return s.first == key; });
    return found == samples.end() ? samples.emplace_back(key, std::vector<double>()).second
                                  : found->second;
  }
};
using Records = std::map<int, Record>;

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return {};
  const auto start = text.find_last_of('\n', end);
  constexpr std::size_t kMost = 200;  // enough to know the error again
  return text.substr(start == std::string::npos ? 0 : start + 1,
                     std::min(kMost, end - (start == std::string::npos ? 0 : start + 1) + 1));
}

ChildRequest child_request(const SweepRequest& request, int threads) {
  const std::string count = std::to_string(threads);
  ChildRequest child;
  for (std::string argument : request.command) {
    constexpr std::string_view kPlace = "{threads}";
    for (auto at = argument.find(kPlace); at != std::string::npos;
         at = argument.find(kPlace, at + count.size())) {
      argument.replace(at, kPlace.size(), count);
    }
    child.argv.push_back(std::move(argument));
  }
  if (!request.set_flag.empty()) {
    child.argv.push_back(request.set_flag);
    child.argv.push_back(count);
  }
  if (!request.set_env.empty()) child.environment[request.set_env] = count;
  child.timeout_seconds = request.timeout_seconds;
  return child;
}

void check(const SweepRequest& request) {
  if (request.command.empty()) {
    throw Error(ErrorCode::kUsage,
                "sweep: no command; give it after --, as in "
                "sweep --set-flag -t -- llama-bench -m model.gguf -o json");
  }
  const bool placed = std::ranges::any_of(request.command, [](const std::string& argument) {
    return argument.find("{threads}") != std::string::npos;
  });
  if (!placed && request.set_env.empty() && request.set_flag.empty()) {
    throw Error(ErrorCode::kUsage,
                "sweep: nothing tells the command its thread count; use {threads} in an argument, "
                "--set-flag -t or --set-env OMP_NUM_THREADS");
  }
  if (request.set_env.find('=') != std::string::npos) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--set-env {}: expected a name alone", request.set_env));
  }
  for (const int threads : request.threads) {
    if (threads < 1) {
      throw Error(ErrorCode::kUsage, fmt::format("--threads {}: expected at least 1", threads));
    }
  }
  if (request.repeats < 1) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--repeats {}: expected at least 1", request.repeats));
  }
}

SweepMachine sweep_machine(const Machine& machine) {
  SweepMachine out;
  out.cpu = machine.cpu_model;
  out.isa = machine.isa;
  out.sockets = machine.usable_packages();
  out.physical_cores = machine.usable_cores();
  out.logical_cpus = machine.usable_pus();
  out.numa_nodes = machine.usable_numa_nodes();
  out.l3_domains = machine.usable_l3_domains();
  int smt = 1;
  Machine fast = machine;
  for (Pu& pu : fast.pus) {
    if (pu.usable) smt = std::max(smt, pu.smt_rank + 1);
    pu.usable = pu.usable && pu.core_kind == 0;
  }
  out.smt = smt;
  if (machine.has_hybrid_cores()) out.performance_cores = fast.usable_cores();
  out.l1d_bytes_per_core = machine.cache_bytes(1);
  for (const Cache& cache : machine.caches) {
    if (cache.level == 2) {
      out.l2_bytes_per_core = cache.bytes / std::max(1, cache.pus_per_instance / smt);
    }
    if (cache.level == 3) out.l3_bytes_total = cache.bytes * machine.usable_l3_domains();
  }
  return out;
}

std::vector<SeriesKey> series_keys(const Records& records) {
  std::vector<SeriesKey> keys;
  for (const auto& [threads, record] : records) {
    for (const auto& [key, samples] : record.samples) {
      if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
    }
  }
  // Every count failed: one series holds the failures.
  if (keys.empty() && !records.empty()) keys.push_back({"mixed", {}, {}});
  return keys;
}

SweepPoint make_point(int threads, const std::vector<double>& samples, const std::string& failure,
                      int budget) {
  SweepPoint point;
  point.threads = threads;
  point.samples = samples;
  std::vector<std::string> notes;
  if (samples.empty()) {
    point.status = "invalid";
    notes.push_back(failure.empty() ? "no figure of this series in the output" : failure);
  } else {
    point.tokens_per_second = summarise(samples, Unit::kRatio).median;
    if (!failure.empty()) notes.push_back("a later run failed: " + failure);
  }
  if (threads > budget) notes.push_back(fmt::format("above the CPU budget of {}", budget));
  point.note = fmt::format("{}", fmt::join(notes, "; "));
  return point;
}

Sweep make_document(const SweepRequest& request, const Machine& machine, const Records& records) {
  Sweep sweep;
  sweep.id = request.output.empty() ? "sweep" : request.output.stem().string();
  sweep.source_title = fmt::format("memory_benchmark sweep: {}", fmt::join(request.command, " "));
  sweep.engine_name = std::filesystem::path(request.command.front()).filename().string();
  sweep.machine = sweep_machine(machine);
  sweep.model.name = request.model;
  for (const SeriesKey& key : series_keys(records)) {
    SweepSeries series{.phase = key.phase};
    series.prompt_tokens = key.prompt_tokens;
    series.context_tokens = key.context_tokens;
    for (const auto& [threads, record] : records) {
      Record copy = record;
      series.points.push_back(
          make_point(threads, copy.of(key), record.failure, machine.limits.effective_cpus));
    }
    sweep.series.push_back(std::move(series));
  }
  return sweep;
}

// One run; the line that says how it went.
std::string run_once(const SweepRequest& request, int threads, Record& record) {
  const ChildResult child = run_child(child_request(request, threads));
  if (child.not_found) {
    throw Error(ErrorCode::kFailure,
                child.standard_error + "; name a program that exists and may be run");
  }
  if (!child.ok()) {
    const std::string said = last_line(child.standard_error);
    record.failure = child.describe() + (said.empty() ? "" : ": " + said);
    return record.failure;
  }
  const auto rates = find_rates(request.rules, child.standard_output + "\n" + child.standard_error);
  if (rates.empty()) {
    record.failure = "no figure found in its output; see --parse";
    return record.failure;
  }
  std::vector<std::string> shown;
  for (const Rate& rate : rates) {
    auto& samples = record.of({rate.phase, rate.prompt_tokens, rate.context_tokens});
    samples.insert(samples.end(), rate.tokens_per_second.begin(), rate.tokens_per_second.end());
    shown.push_back(fmt::format("{} {:.4g}", rate.phase,
                                summarise(rate.tokens_per_second, Unit::kRatio).median));
  }
  return fmt::format("{} tokens/s", fmt::join(shown, ", "));
}

}  // namespace

Sweep run_sweep(const SweepRequest& request) {
  check(request);
  const Machine machine = request.machine ? *request.machine : describe_machine();
  std::vector<int> counts = request.threads.empty() ? thread_counts(machine) : request.threads;
  std::ranges::sort(counts);
  counts.erase(std::ranges::unique(counts).begin(), counts.end());

  Records records;
  for (int round = 1; round <= request.repeats; ++round) {
    for (const int threads : counts) {
      const auto known = records.find(threads);
      Record record = known == records.end() ? Record() : known->second;
      if (!record.failure.empty()) continue;
      const std::string line = run_once(request, threads, record);
      if (interrupt_requested()) return make_document(request, machine, records);
      if (request.on_progress) {
        request.on_progress(
            fmt::format("{} threads, run {} of {}: {}", threads, round, request.repeats, line));
      }
      records[threads] = std::move(record);
      if (!request.output.empty()) {
        write_file_atomically(request.output,
                              to_json_text(make_document(request, machine, records)));
      }
    }
  }
  return make_document(request, machine, records);
}

}  // namespace mb
