// PAPI behind the interface: the trial loop, and event sets opened on the thread that they count.
// Events that the PMU does not have, or has no room for beside the others, are left out.
#include "probes/core/counters.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "probes/core/known_loops.h"

#ifdef WITH_PAPI
#include <papi.h>
#include <pthread.h>
#endif

namespace mb {
namespace {

constexpr std::string_view kWhat = "hardware counters";

}  // namespace

bool CounterTrial::counts() const {
  if (!built_in || !error.empty() || expected <= 0) return false;
  const auto wanted = static_cast<double>(expected);
  return std::abs(static_cast<double>(counted) - wanted) <= kInstructionTolerance * wanted;
}

Missing explain(const CounterTrial& trial, const HostFiles& files) {
  Missing missing{std::string(kWhat), "", ""};
  if (!trial.built_in) {
    missing.cause = "this build has no PAPI";
    missing.remedy = "install libpapi-dev and configure with -DWITH_PAPI=ON";
    return missing;
  }
  const std::string seen =
      trial.error.empty()
          ? fmt::format("a loop of {} instructions read back as {}", trial.expected, trial.counted)
          : trial.error;
  if (!shows_pmu(files)) {
    missing.cause = fmt::format("the system shows no performance monitoring unit ({})", seen);
    missing.remedy = "use a bare-metal instance or one whose hypervisor passes the PMU through";
    return missing;
  }
  const int paranoid =
      std::atoi(files.read("/proc/sys/kernel/perf_event_paranoid").value_or("-1").c_str());
  // At 2 a process may still count its own user-space work.
  if (paranoid > 2) {
    missing.cause = fmt::format("kernel.perf_event_paranoid is {} ({})", paranoid, seen);
    missing.remedy = "sudo sysctl kernel.perf_event_paranoid=2";
    return missing;
  }
  missing.cause = seen;
  missing.remedy = "see whether another profiler holds the counters, and `papi_avail -a`";
  return missing;
}

bool pmu_counts(Missing* why) {
  const CounterTrial trial = try_counters();
  if (trial.counts()) return true;
  if (why != nullptr) *why = explain(trial, HostFiles());
  return false;
}

#ifndef WITH_PAPI

CounterTrial try_counters() { return {}; }
std::string papi_version() { return ""; }
TeamCounters::TeamCounters(PinnedTeam& team, std::vector<std::string> events)
    : team_(team), events_(std::move(events)) {}
void TeamCounters::start() {}
CounterReading TeamCounters::stop() {
  const Missing why = explain({}, HostFiles());
  CounterReading reading;
  reading.unavailable_cause = why.cause;
  reading.unavailable_remedy = why.remedy;
  return reading;
}
std::unique_ptr<EventCounter> papi_event_counter() {
  class NoCounter final : public EventCounter {
    EventRun count(const std::string&, KnownLoop) override {
      return {.error = "this build has no PAPI", .is_known = false, .counted = 0, .expected = 0};
    }
    bool fit_together(const std::vector<std::string>&) override { return false; }
  };
  return std::make_unique<NoCounter>();
}

#else

namespace {

std::string start_papi() {
  const int version = PAPI_library_init(PAPI_VER_CURRENT);
  if (version != PAPI_VER_CURRENT) return "PAPI_library_init failed";
  const int status = PAPI_thread_init([] { return static_cast<unsigned long>(pthread_self()); });
  return status == PAPI_OK ? "" : fmt::format("PAPI_thread_init: {}", PAPI_strerror(status));
}

// PAPI 7.0 has presets for the processors it was written on; of others (Neoverse) the kernel's own
// names count the same things.
constexpr std::array<std::pair<const char*, const char*>, 3> kGeneric = {
    {{"PAPI_TOT_INS", "perf::INSTRUCTIONS"},
     {"PAPI_TOT_CYC", "perf::CYCLES"},
     {"PAPI_BR_INS", "perf::BRANCH-INSTRUCTIONS"}}};

int add_event(int set, const std::string& event) {
  const int added = PAPI_add_named_event(set, event.c_str());
  if (added == PAPI_OK) return added;
  for (const auto& [preset, generic] : kGeneric) {
    if (event == preset && PAPI_add_named_event(set, generic) == PAPI_OK) return PAPI_OK;
  }
  return added;
}

// The name that we asked by.
std::string asked_name(const std::string& name) {
  for (const auto& [preset, generic] : kGeneric) {
    if (name == generic) return preset;
  }
  return name;
}

CounterTrial count_known_loop() {
  CounterTrial trial;
  trial.built_in = true;
  trial.error = start_papi();
  if (!trial.error.empty()) return trial;
  int set = PAPI_NULL;
  long long value = 0;
  const auto step = [&](int status, std::string_view name) {
    if (status != PAPI_OK && trial.error.empty()) {
      trial.error = fmt::format("{}: {}", name, PAPI_strerror(status));
    }
    return trial.error.empty();
  };
  if (step(PAPI_create_eventset(&set), "PAPI_create_eventset") &&
      step(add_event(set, "PAPI_TOT_INS"), "opening PAPI_TOT_INS") &&
      step(PAPI_start(set), "PAPI_start")) {
    spin();
    trial.expected = spin_instructions();
    step(PAPI_stop(set, &value), "PAPI_stop");
    trial.counted = value;
  }
  if (trial.error.empty() && trial.expected == 0) {
    trial.error = "no loop of known length for this instruction set";
  }
  if (set != PAPI_NULL) {
    PAPI_cleanup_eventset(set);
    PAPI_destroy_eventset(&set);
  }
  return trial;
}

}  // namespace

CounterTrial try_counters() {
  static const CounterTrial trial = count_known_loop();
  return trial;
}

std::string papi_version() {
  return fmt::format("{}.{}.{}", PAPI_VERSION_MAJOR(PAPI_VERSION), PAPI_VERSION_MINOR(PAPI_VERSION),
                     PAPI_VERSION_REVISION(PAPI_VERSION));
}

TeamCounters::TeamCounters(PinnedTeam& team, std::vector<std::string> events)
    : team_(team),
      events_(std::move(events)),
      event_sets_(static_cast<std::size_t>(team.size()), PAPI_NULL) {}

void TeamCounters::start() {
  if (!try_counters().counts()) return;
  team_.run([this](int rank) {
    int& set = event_sets_[static_cast<std::size_t>(rank)];
    PAPI_register_thread();
    if (PAPI_create_eventset(&set) != PAPI_OK) {
      PAPI_unregister_thread();
      return;
    }
    for (const std::string& event : events_) add_event(set, event);
    PAPI_start(set);
  });
}

CounterReading TeamCounters::stop() {
  CounterReading reading;
  reading.per_thread.resize(event_sets_.size());
  team_.run([&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    int& set = event_sets_[index];
    if (set == PAPI_NULL) return;
    std::vector<long long> values(events_.size());
    std::vector<int> codes(events_.size());
    int events = static_cast<int>(codes.size());
    const bool listed = PAPI_list_events(set, codes.data(), &events) == PAPI_OK;
    if (PAPI_stop(set, values.data()) == PAPI_OK && listed) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(events); ++i) {
        std::array<char, PAPI_MAX_STR_LEN> name{};
        if (PAPI_event_code_to_name(codes[i], name.data()) != PAPI_OK) continue;
        reading.per_thread[index][asked_name(name.data())] = values[i];
      }
    }
    PAPI_cleanup_eventset(set);
    PAPI_destroy_eventset(&set);
    PAPI_unregister_thread();
  });
  // A sum of some threads would pass for the team's: an event counts when every rank has it.
  for (const auto& [event, value] : reading.per_thread.front()) {
    std::int64_t sum = 0;
    bool everywhere = true;
    for (const auto& values : reading.per_thread) {
      const auto found = values.find(event);
      everywhere = everywhere && found != values.end();
      if (found != values.end()) sum += found->second;
    }
    if (everywhere) reading.values[event] = sum;
  }
  if (reading.values.empty()) {
    const Missing why = explain(try_counters(), HostFiles());
    reading.unavailable_cause = why.cause;
    reading.unavailable_remedy = why.remedy;
    reading.per_thread.clear();
  }
  derive(reading);
  return reading;
}

namespace {

class PapiEventCounter final : public EventCounter {
 public:
  PapiEventCounter() { error_ = start_papi(); }

  EventRun count(const std::string& event, KnownLoop loop) override {
    EventRun run;
    run.error = error_;
    int set = PAPI_NULL;
    if (!run.error.empty() || !step(PAPI_create_eventset(&set), "PAPI_create_eventset", run)) {
      return run;
    }
    const int added = add_event(set, event);
    // Names of another family, or of a component that is not there.
    run.is_known = added != PAPI_ENOEVNT && added != PAPI_ENOSUPP && added != PAPI_ECMP;
    if (step(added, "opening", run) && step(PAPI_start(set), "starting", run)) {
      run.expected = run_loop(loop);
      step(PAPI_stop(set, &run.counted), "reading", run);
    }
    PAPI_cleanup_eventset(set);
    PAPI_destroy_eventset(&set);
    return run;
  }

  bool fit_together(const std::vector<std::string>& events) override {
    int set = PAPI_NULL;
    if (PAPI_create_eventset(&set) != PAPI_OK) return false;
    bool fit = true;
    for (const std::string& event : events) {
      fit = fit && add_event(set, event) == PAPI_OK;
    }
    std::vector<long long> values(events.size());
    fit = fit && PAPI_start(set) == PAPI_OK;
    if (fit) PAPI_stop(set, values.data());
    PAPI_cleanup_eventset(set);
    PAPI_destroy_eventset(&set);
    return fit;
  }

 private:
  static bool step(int status, std::string_view what, EventRun& run) {
    if (status != PAPI_OK && run.error.empty()) {
      run.error = fmt::format("{}: {}", what, PAPI_strerror(status));
    }
    return run.error.empty();
  }

  std::string error_;
};

}  // namespace

std::unique_ptr<EventCounter> papi_event_counter() { return std::make_unique<PapiEventCounter>(); }

#endif

std::vector<std::string> base_events() {
  return {"PAPI_TOT_INS", "PAPI_TOT_CYC", "PAPI_L1_DCM", "PAPI_L2_DCM", "PAPI_L3_TCM"};
}

}  // namespace mb
