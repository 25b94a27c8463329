// Runs are recorded one by one; the document is built anew from the records after each run, so what
// is on disk is always a whole document of what is known, and a sweep goes on from it.
#include "probes/sweep/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "data/documents/results.h"
#include "data/error.h"
#include "data/plan/plan.h"
#include "data/system/child.h"
#include "data/system/clock.h"
#include "data/system/files.h"
#include "probes/core/describe_machine.h"
#include "probes/sweep/child_counters.h"
#include "probes/sweep/series.h"
#include "probes/sweep/variants.h"
#include "probes/sweep/watch.h"

namespace mb {
namespace {

// Of a run's time: looking at hundreds of threads must not slow them down.
constexpr double kWatchShare = 0.01;
// A neighbour shall be at work before the engine starts.
constexpr double kNeighbourStartSeconds = 0.3;
constexpr std::size_t kMostResultBytes = 16u << 20;  // of a file that the engine writes

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return {};
  const auto start = text.find_last_of('\n', end);
  constexpr std::size_t kMost = 200;  // enough to know the error again
  return text.substr(start == std::string::npos ? 0 : start + 1,
                     std::min(kMost, end - (start == std::string::npos ? 0 : start + 1) + 1));
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

// Another program that runs beside the engine for as long as this lives.
class Neighbour {
 public:
  explicit Neighbour(const std::vector<std::string>& command) {
    if (command.empty()) return;
    thread_ = std::jthread([this, command] {
      ChildRequest request{.argv = command, .max_output_bytes = 1u << 12};
      request.stop = [this] { return stop_.load(); };
      try {
        const ChildResult result = run_child(request);
        if (!result.stopped && !result.interrupted) {
          const std::string said = last_line(result.standard_error);
          end_ = result.describe() +
                 (said.empty() || result.not_found ? "" : ": " + said);  // read after join alone
        }
      } catch (const std::exception& error) {  // no process or pipe is left; nobody may throw here
        end_ = error.what();
      }
    });
    monotonic_clock().sleep_seconds(kNeighbourStartSeconds);
  }

  // Ends it; how it had ended by itself, or nothing.
  std::string finish() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return end_;
  }
  ~Neighbour() { finish(); }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  std::atomic<bool> stop_ = false;
  std::string end_;
  std::jthread thread_;
};

struct PlannedPoint {  // to be measured
  const SweepVariant* variant;
  std::optional<int> threads;
  int round;
};

class Sweeper {
 public:
  explicit Sweeper(const SweepRequest& request)
      : request_(request),
        machine_(request.machine ? *request.machine : describe_machine()),
        variants_(sweep_variants(request)),
        created_utc_(utc_now()),
        runs_(request.known_runs) {
    for (const int threads : request.threads) counts_.emplace_back(threads);
    if (request.threads.empty()) {
      if (tells_threads(request)) {
        for (const int threads : thread_counts(machine_)) counts_.emplace_back(threads);
      }
      const bool placed = std::ranges::any_of(request.command, [](const std::string& argument) {
        return argument.find("{threads}") != std::string::npos;
      });
      if (!placed) counts_.emplace_back();  // the engine's own default, which comes first
    }
    std::ranges::sort(counts_);
    counts_.erase(std::unique(counts_.begin(), counts_.end()), counts_.end());
  }

  Sweep sweep() {
    for (const PlannedPoint& point : points()) {
      if (known(point)) continue;
      SweepRun run = run_once(point);
      if (interrupt_requested()) break;
      const std::string line = line_of(run);
      runs_.push_back(std::move(run));
      const Sweep so_far = document();
      if (!request_.output.empty()) write_file_atomically(request_.output, to_json_text(so_far));
      if (request_.on_progress) request_.on_progress(line, so_far);
    }
    return document();
  }

 private:
  std::vector<PlannedPoint> points() const {
    std::vector<PlannedPoint> points;
    for (const SweepVariant& variant : variants_) {
      for (int i = 0; i < request_.warmups; ++i) points.push_back({&variant, counts_.front(), 0});
    }
    std::mt19937_64 random(request_.seed);
    for (int round = 1; round <= request_.repeats; ++round) {
      std::vector<PlannedPoint> of_round;
      for (const SweepVariant& variant : variants_) {
        for (const auto& threads : counts_) of_round.push_back({&variant, threads, round});
      }
      if (request_.order == SweepOrder::kDescending) std::ranges::reverse(of_round);
      if (request_.order == SweepOrder::kRandom) {
        // Fisher-Yates by hand: std::shuffle differs between libraries, a seed must not.
        for (std::size_t i = of_round.size(); i > 1; --i) {
          std::swap(of_round[i - 1], of_round[random() % i]);
        }
      }
      points.insert(points.end(), of_round.begin(), of_round.end());
    }
    return points;
  }

  // Made already, in an earlier sweep that goes on; or its point failed.
  bool known(const PlannedPoint& point) {
    const auto same = [&](const SweepRun& run) {
      return run.label == point.variant->label && run.threads == point.threads;
    };
    if (point.round == 0) {  // several warm-ups have the same name
      const auto made = std::ranges::count_if(
          request_.known_runs, [&](const SweepRun& run) { return same(run) && run.round == 0; });
      return ++warmups_[point.variant->label] <= made;
    }
    return std::ranges::any_of(runs_, [&](const SweepRun& run) {
      return same(run) && (run.round == point.round || (!run.failure.empty() && run.round > 0));
    });
  }

  SweepRun run_once(const PlannedPoint& point) {
    SweepRun run{.label = point.variant->label, .threads = point.threads, .round = point.round};
    ChildRequest child = child_of_point(request_, *point.variant, point.threads, machine_);
    child.end_orphans = true;
    ThreadWatch watch(HostFiles(), clock_ticks_per_second());
    Clock& clock = monotonic_clock();
    double start = clock.now_seconds(), next_look = 0;
    child.on_tick = [&](int pid) {
      const double now = clock.now_seconds();
      if (now < next_look) return;
      watch.look(pid, now - start);
      next_look = now + (clock.now_seconds() - now) / kWatchShare;
    };
    ChildCounters counters;
    child.before_exec = [&](int pid) { counters.open(pid); };
    Neighbour neighbour(point.variant->beside ? request_.beside : std::vector<std::string>());
    start = clock.now_seconds();
    const ChildResult result = run_child(child);
    const std::string neighbour_end = neighbour.finish();
    if (result.not_found && runs_.empty()) {
      throw Error(ErrorCode::kFailure,
                  result.standard_error + "; name a program that exists and may be run");
    }
    run.seconds = result.seconds;
    if (!result.not_found) {
      run.usage.cpu_seconds = result.cpu_seconds;
      run.usage.peak_rss_bytes = result.peak_rss_bytes;
      run.usage.voluntary_switches = result.voluntary_switches;
      run.usage.involuntary_switches = result.involuntary_switches;
      watch.report(run.usage);
      counters.report(run.usage);
    }
    if (!neighbour_end.empty()) run.remark = "the neighbour ended by itself: " + neighbour_end;
    read_result(point, result, run);
    return run;
  }

  void read_result(const PlannedPoint& point, const ChildResult& result, SweepRun& run) const {
    if (!result.ok()) {
      const std::string said = last_line(result.standard_error);
      run.failure = result.describe();
      if (!said.empty() && !result.not_found) run.failure += ": " + said;
      if (result.timed_out) run.failure += "; --timeout gives more";
      return;
    }
    std::string output = result.standard_output + "\n" + result.standard_error;
    if (!request_.result_file.empty()) {
      const std::string file = filled(request_.result_file, *point.variant, point.threads);
      try {
        output += "\n" + read_file(file, kMostResultBytes);
      } catch (const Error& error) {
        run.failure = error.what();
        return;
      }
    }
    Parsed parsed = parse_output(request_.rules, output);
    const std::string refused = fmt::format("{}", fmt::join(parsed.refused, ", "));
    if (parsed.readings.empty()) {
      run.failure = refused.empty() ? "no figure found in its output; see --parse"
                                    : "no usable figure: it printed " + refused;
      return;
    }
    run.readings = std::move(parsed.readings);
    if (!refused.empty()) {
      run.remark += (run.remark.empty() ? "" : "; ") + ("passed over: " + refused);
    }
  }

  std::string line_of(const SweepRun& run) const {
    std::string what = run.label.empty() ? "" : run.label + ", ";
    what += run.threads ? fmt::format("{} threads", *run.threads) : "engine's default";
    what +=
        run.round == 0 ? ", warm-up" : fmt::format(", run {} of {}", run.round, request_.repeats);
    if (!run.failure.empty()) return what + ": " + run.failure;
    std::vector<std::string> shown;
    for (const SweepReading& reading : run.readings) {
      shown.push_back(fmt::format("{} {:.4g}", reading.phase,
                                  summarise(reading.tokens_per_second, Unit::kRatio).median));
    }
    return fmt::format("{}: {} tokens/s", what, fmt::join(shown, ", "));
  }

  // Over what the document goes: a length, where one is varied and threads are not.
  std::string length_kind() const {
    std::string kind;
    int lengths = 0;
    for (const SweepAxis& axis : request_.axes) {
      const std::string of_axis = kind_of_axis(axis.name);
      if (of_axis.empty()) continue;
      kind = of_axis;
      ++lengths;
    }
    return lengths == 1 && counts_.size() <= 1 ? kind : "";
  }

  Sweep document() const {
    Sweep sweep;
    sweep.id = request_.output.empty() ? "sweep" : request_.output.stem().string();
    sweep.source_title =
        fmt::format("memory_benchmark sweep: {}", fmt::join(request_.command, " "));
    sweep.engine_name = std::filesystem::path(request_.command.front()).filename().string();
    sweep.machine = sweep_machine(machine_);
    sweep.model.name = request_.model;
    sweep.created_utc = created_utc_;
    sweep.command = request_.command;
    const std::string kind = length_kind();
    if (!kind.empty()) sweep.kind = kind;
    sweep.series = make_series(runs_, {machine_.limits.effective_cpus, kind});
    sweep.runs = runs_;
    if (request_.order == SweepOrder::kRandom) {
      sweep.caveats = fmt::format("Points in random order, seed {}.", request_.seed);
    }
    return sweep;
  }

  const SweepRequest& request_;
  Machine machine_;
  std::vector<SweepVariant> variants_;
  std::vector<std::optional<int>> counts_;
  std::string created_utc_;
  std::vector<SweepRun> runs_;
  std::map<std::string, int> warmups_;
};

}  // namespace

Sweep run_sweep(const SweepRequest& request) {
  check_sweep(request);
  return Sweeper(request).sweep();
}

}  // namespace mb
