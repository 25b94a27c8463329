// What a step pays besides its arithmetic: one synchronisation of a team of threads, for each way
// that engines use, and what stands between steps.
//
//   barrier   many barriers inside one region, seconds of one: what a step pays per operation when
//             it stays in the region
//   region    run() and return with an empty body: fork and join, what an engine pays that opens a
//             parallel region per operation; also by creating and joining std::threads
//             (sync thread_create, not pinned, as programs do) and by a work-stealing pool's split
//             into one leaf a thread (sync work_stealing), each leaf staying until all have begun,
//             or the first worker would do all of them before anybody had stolen one
//   grain     one region over `rows` small pieces of work dealt in turn, each adding to an output
//             of its own; outputs adjacent (eight to a line, so that threads write to one line) or
//             padded. Fact serial_seconds: the same rows by one thread alone; where a region takes
//             longer, the work was not worth the threads.
//   step      a whole step of made-up work whose threads are started for it (started_step.h); fact
//             work_seconds: what it takes where nobody waits
//   pick      one thread picks the next token from a model's logits (picked_token.h)
//
// With more threads than CPUs (noted as oversubscribed) one who is waited for may not run: what a
// spinning team then pays is a scheduler's slice. Points stay bounded: spinning ranks yield,
// libgomp's go to sleep, and the sampler ends with its time.
//
// `openmp_passive` is libgomp told to sleep (OMP_WAIT_POLICY=passive at load): one process has one
// policy, so the label is refused when the environment does not say so.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <vector>

#include "data/error.h"
#include "probes/core/probe.h"
#include "probes/core/work_stealing.h"
#include "probes/picked_token.h"
#include "probes/started_step.h"

namespace mb {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A counter a rank, each on lines of its own, so that counting costs no line hand-off.
struct alignas(128) Passed {
  std::uint64_t count = 0;
};

std::string wait_policy() {
  const char* policy = std::getenv("OMP_WAIT_POLICY");
  return policy == nullptr ? "" : policy;
}

// OpenMP reads its variables without regard to case.
bool is_passive(const std::string& policy) {
  return std::ranges::equal(policy, std::string_view("passive"),
                            [](unsigned char a, char b) { return std::tolower(a) == b; });
}

class DispatchCase : public Case {
 public:
  explicit DispatchCase(PinnedTeam& team)
      : team_(team), passed_(static_cast<std::size_t>(team.size())) {}

  // Every rank has come to every synchronisation, and none runs ahead of another.
  void check() override {
    for (const Passed& rank : passed_) {
      if (rank.count != performed_) {
        throw Error(ErrorCode::kFailure,
                    fmt::format("a rank passed {} synchronisations of {}", rank.count, performed_));
      }
    }
    std::vector<Passed> round(passed_.size());
    std::vector<Passed> early(passed_.size());
    team_.run([&](int rank) {
      const auto me = static_cast<std::size_t>(rank);
      for (std::uint64_t i = 1; i <= kCheckedRounds; ++i) {
        round[me].count = i;
        team_.barrier(rank);
        for (const Passed& other : round) early[me].count += other.count < i ? 1u : 0u;
        team_.barrier(rank);
      }
    });
    for (const Passed& rank : early) {
      if (rank.count > 0) throw Error(ErrorCode::kFailure, "a rank left a barrier too early");
    }
  }

 protected:
  void pass(int rank) { ++passed_[static_cast<std::size_t>(rank)].count; }

  PinnedTeam& team_;
  std::uint64_t performed_ = 0;

 private:
  static constexpr std::uint64_t kCheckedRounds = 20;
  std::vector<Passed> passed_;
};

class BarrierCase final : public DispatchCase {
 public:
  using DispatchCase::DispatchCase;
  double seconds(std::uint64_t iterations) override {
    performed_ += iterations;
    return team_.timed([&](int rank) {
      for (std::uint64_t i = 0; i < iterations; ++i) {
        pass(rank);
        team_.barrier(rank);
      }
    });
  }
};

class RegionCase final : public DispatchCase {
 public:
  using DispatchCase::DispatchCase;
  double seconds(std::uint64_t iterations) override {
    performed_ += iterations;
    const double begin = now_seconds();
    for (std::uint64_t i = 0; i < iterations; ++i) {
      team_.run([this](int rank) { pass(rank); });
    }
    return now_seconds() - begin;
  }
};

// Regions of those that keep no team: everybody comes once a region.
class TeamlessCase : public Case {
 public:
  explicit TeamlessCase(std::size_t threads) : passed_(threads) {}

  double seconds(std::uint64_t iterations) override {
    performed_ += iterations;
    const double begin = now_seconds();
    for (std::uint64_t i = 0; i < iterations; ++i) region();
    return now_seconds() - begin;
  }
  void check() override {
    for (const Passed& part : passed_) {
      if (part.count == performed_) continue;
      throw Error(ErrorCode::kFailure,
                  fmt::format("a part ran {} times in {} regions", part.count, performed_));
    }
  }

 protected:
  virtual void region() = 0;
  void pass(std::size_t part) { ++passed_[part].count; }
  int parts() const { return static_cast<int>(passed_.size()); }

 private:
  std::vector<Passed> passed_;
  std::uint64_t performed_ = 0;
};

class CreateCase final : public TeamlessCase {
 public:
  explicit CreateCase(std::size_t threads) : TeamlessCase(threads), workers_(threads - 1) {}

 private:
  void region() override {
    try {
      for (std::size_t i = 0; i < workers_.size(); ++i) {
        workers_[i] = std::thread([this, i] { pass(i + 1); });
      }
    } catch (const std::system_error& error) {
      join();
      refuse_thread(error);
    } catch (...) {
      join();
      throw;
    }
    pass(0);
    join();
  }
  void join() {
    for (std::thread& worker : workers_) {
      if (worker.joinable()) worker.join();
    }
  }
  std::vector<std::thread> workers_;
};

class StealCase final : public TeamlessCase {
 public:
  explicit StealCase(const std::vector<int>& pus) : TeamlessCase(pus.size()), pool_(pus) {}

 private:
  void region() override {
    begun_.store(0);
    pool_.for_each(parts(), [this](int part) {
      pass(static_cast<std::size_t>(part));
      begun_.fetch_add(1);
      for (int look = 0; begun_.load() < parts(); ++look) {
        constexpr int kLooksBeforeYield = 1000;  // the one who is waited for may need this CPU
        if (look > kLooksBeforeYield) std::this_thread::yield();
      }
    });
  }
  std::atomic<int> begun_{0};
  WorkStealingPool pool_;
};

// A row is kSteps dependent multiply-adds, some 20 ns, whose running sum goes to the row's own
// output after each quarter, as that of a kernel whose sums do not all fit its registers.
class GrainCase final : public Case {
 public:
  GrainCase(PinnedTeam& team, std::int64_t rows, bool padded)
      : team_(team),
        rows_(static_cast<std::size_t>(rows)),
        stride_(padded ? kPaddedWords : 1),
        outputs_(rows_ * stride_) {
    constexpr int kTries = 5;
    double best = 1e9;
    for (int attempt = 0; attempt < kTries; ++attempt) {
      const double begin = now_seconds();
      for (std::size_t row = 0; row < rows_; ++row) work(row);
      best = std::min(best, now_seconds() - begin);
    }
    performed_ = kTries;
    facts["serial_seconds"] = best;
  }

  double seconds(std::uint64_t iterations) override {
    performed_ += iterations;
    const auto ranks = static_cast<std::size_t>(team_.size());
    const double begin = now_seconds();
    for (std::uint64_t i = 0; i < iterations; ++i) {
      team_.run([this, ranks](int rank) {
        for (auto row = static_cast<std::size_t>(rank); row < rows_; row += ranks) work(row);
      });
    }
    return now_seconds() - begin;
  }

  void check() override {
    for (std::size_t row = 0; row < rows_; ++row) {
      if (outputs_[row * stride_] == performed_ * chain(row)) continue;
      throw Error(ErrorCode::kFailure, fmt::format("row {} has a wrong sum", row));
    }
  }

 private:
  static constexpr std::size_t kPaddedWords = 16;  // two lines: neighbours are fetched in pairs
  static constexpr std::uint64_t kSteps = 16;
  static constexpr std::uint64_t kSeed = 1;

  static std::uint64_t next(std::uint64_t sum, std::size_t row) {
    return sum * 6364136223846793005u + row;  // Knuth's multiplier (MMIX): no step can be left out
  }
  static std::uint64_t chain(std::size_t row) {
    std::uint64_t sum = kSeed;
    for (std::uint64_t step = 0; step < kSteps; ++step) sum = next(sum, row);
    return sum;
  }

  // Never inlined and from a seed that is not known: alone and in a team it is the same code.
  [[gnu::noinline]] void work(std::size_t row) {
    volatile std::uint64_t* output = &outputs_[row * stride_];
    const std::uint64_t before = *output;
    std::uint64_t sum = seed_;
    for (std::uint64_t step = 1; step <= kSteps; ++step) {
      sum = next(sum, row);
      if (step % (kSteps / 4) == 0) *output = before + sum;
    }
  }

  PinnedTeam& team_;
  const std::size_t rows_, stride_;
  volatile std::uint64_t seed_ = kSeed;
  std::vector<std::uint64_t> outputs_;
  std::uint64_t performed_ = 0;
};

std::unique_ptr<Case> prepare_grain(const Parameters& parameters, PinnedTeam& team) {
  constexpr std::int64_t kMostRows = 1 << 24;
  const std::int64_t rows = parameters.number_or("rows", 1024);
  const std::string outputs = parameters.text_or("outputs", "adjacent");
  if (rows < 1 || rows > kMostRows || (outputs != "adjacent" && outputs != "padded")) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("rows {} with outputs '{}': expected 1 to {} rows and adjacent or padded", rows,
                    outputs, kMostRows));
  }
  return std::make_unique<GrainCase>(team, rows, outputs == "padded");
}

std::unique_ptr<Case> prepare_on_team(const std::string& operation, const Parameters& parameters,
                                      PinnedTeam& team) {
  if (operation == "barrier") return std::make_unique<BarrierCase>(team);
  if (operation == "region") return std::make_unique<RegionCase>(team);
  if (operation == "grain") return prepare_grain(parameters, team);
  throw Error(
      ErrorCode::kUsage,
      fmt::format("operation '{}': expected barrier, region, grain, step or pick", operation));
}

// libgomp has one policy a process; the label must be what the process does.
void require_policy(const std::string& sync, const std::string& policy) {
  if (sync == "openmp_passive" && !is_passive(policy)) {
    throw Error(ErrorCode::kNotAvailable,
                "libgomp waits actively in this process; start it with OMP_WAIT_POLICY=passive");
  }
  if (sync == "openmp" && is_passive(policy)) {
    throw Error(ErrorCode::kNotAvailable,
                "libgomp waits passively in this process; unset OMP_WAIT_POLICY");
  }
}

std::unique_ptr<Case> prepare(const PlannedPoint& point, Kit& kit) {
  const Parameters& parameters = point.parameters;
  const std::string operation = parameters.text_or("operation", "barrier");
  const std::string sync = parameters.text_or("sync", "spin");
  const auto threads = static_cast<int>(parameters.number_or("threads", 1));
  const std::vector<int> pus = place(
      kit.machine(), threads, placement_from_string(parameters.text_or("placement", "spread")));
  std::unique_ptr<Case> prepared;
  if (operation == "pick") {
    prepared = prepare_picked_token(parameters, kit);
  } else if (operation == "step") {
    prepared = prepare_started_step(parameters);
  } else if (sync == "thread_create" || sync == "work_stealing") {
    if (operation != "region" || threads < 1) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("sync {}: expected operation region and at least one thread", sync));
    }
    if (sync == "thread_create") {
      prepared = std::make_unique<CreateCase>(static_cast<std::size_t>(threads));
    } else {
      prepared = std::make_unique<StealCase>(pus);
    }
  } else {
    const std::string policy = wait_policy();
    require_policy(sync, policy);
    prepared = prepare_on_team(operation, parameters, kit.team(parameters));
    if (sync_from_string(sync) == Sync::kOpenMp) {
      prepared->notes["wait_policy"] = policy.empty() ? "default" : policy;
    }
  }
  std::vector<int> distinct = pus;
  std::ranges::sort(distinct);
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() < pus.size()) prepared->notes["oversubscribed"] = "threads share CPUs";
  return prepared;
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"dispatch_overhead",
       "Seconds of one barrier and of one parallel region against the number of threads, for every "
       "way of waiting; of a region over rows with outputs side by side and apart.",
       mb::prepare, /*in_nanoseconds=*/true});
}
