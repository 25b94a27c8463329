// The results document and the machine document as JSON: the list of fields of every struct.
#include <fmt/format.h>

#include "data/documents/json_fields.h"
#include "data/documents/results.h"

namespace mb::json {

template <>
struct Words<Unit> {
  static std::string_view to(Unit unit) { return to_string(unit); }
  static Unit from(std::string_view text) { return unit_from_string(text); }
};
template <>
struct Fields<Pu> {
  static constexpr auto list =
      std::make_tuple(field("os_index", &Pu::os_index), field("core", &Pu::core),
                      field("package", &Pu::package), field("numa_node", &Pu::numa_node),
                      field("l3_domain", &Pu::l3_domain), field("smt_rank", &Pu::smt_rank),
                      field("core_kind", &Pu::core_kind), field("usable", &Pu::usable));
};
template <>
struct Fields<Cache> {
  static constexpr auto list = std::make_tuple(
      field("level", &Cache::level), field("bytes", &Cache::bytes),
      field("instances", &Cache::instances), field("pus_per_instance", &Cache::pus_per_instance),
      field("line_bytes", &Cache::line_bytes));
};
template <>
struct Fields<NumaNode> {
  static constexpr auto list =
      std::make_tuple(field("os_index", &NumaNode::os_index), field("bytes", &NumaNode::bytes));
};
template <>
struct Fields<CounterTruth> {
  static constexpr auto list =
      std::make_tuple(field("event", &CounterTruth::event), field("what", &CounterTruth::what),
                      field("set", &CounterTruth::set), field("state", &CounterTruth::state),
                      field("counted", &CounterTruth::counted, Rule::kSparse),
                      field("expected", &CounterTruth::expected, Rule::kSparse),
                      field("cause", &CounterTruth::cause, Rule::kSparse),
                      field("remedy", &CounterTruth::remedy, Rule::kSparse));
};
template <>
struct Fields<Machine> {
  static constexpr auto list = std::make_tuple(
      field("cpu_model", &Machine::cpu_model), field("isa", &Machine::isa),
      field("cpu_features", &Machine::cpu_features), field("pus", &Machine::pus),
      field("caches", &Machine::caches), field("numa_nodes", &Machine::numa_nodes),
      field("core_kinds", &Machine::core_kinds), field("limits", &Machine::limits),
      field("os", &Machine::os), field("kernel", &Machine::kernel),
      field("hypervisor", &Machine::hypervisor), field("microcode", &Machine::microcode),
      field("cloud_label", &Machine::cloud_label),
      field("cloud_life_cycle", &Machine::cloud_life_cycle, Rule::kSparse),
      field("cloud_zone", &Machine::cloud_zone, Rule::kSparse),
      field("governor", &Machine::governor), field("thp_mode", &Machine::thp_mode),
      field("shmem_thp_mode", &Machine::shmem_thp_mode),
      field("hugetlb_free_pages", &Machine::hugetlb_free_pages),
      field("pmu_counts", &Machine::pmu_counts), field("missing", &Machine::missing),
      field("counter_truth", &Machine::counter_truth, Rule::kSparse));
};
template <>
struct Fields<Summary> {
  static constexpr auto list =
      std::make_tuple(field("median", &Summary::median), field("mad", &Summary::mad),
                      field("low", &Summary::low), field("high", &Summary::high),
                      field("best", &Summary::best), field("count", &Summary::count));
};
template <>
struct Fields<Modes> {
  static constexpr auto list =
      std::make_tuple(field("low", &Modes::low), field("high", &Modes::high));
};
template <>
struct Fields<CounterReading> {
  static constexpr auto list =
      std::make_tuple(field("values", &CounterReading::values),
                      field("multiplex_share", &CounterReading::multiplex_share),
                      field("unavailable_cause", &CounterReading::unavailable_cause),
                      field("unavailable_remedy", &CounterReading::unavailable_remedy),
                      field("per_thread", &CounterReading::per_thread, Rule::kSparse),
                      field("bytes", &CounterReading::bytes, Rule::kSparse),
                      field("derived", &CounterReading::derived, Rule::kSparse));
};
template <>
struct Fields<NoiseReading> {
  static constexpr auto list =
      std::make_tuple(field("wall_seconds", &NoiseReading::wall_seconds),
                      field("cpu_seconds", &NoiseReading::cpu_seconds),
                      field("steal_share", &NoiseReading::steal_share),
                      field("throttled_share", &NoiseReading::throttled_share),
                      field("involuntary_switches_per_thread_second",
                            &NoiseReading::involuntary_switches_per_thread_second),
                      field("migrations", &NoiseReading::migrations),
                      field("major_faults", &NoiseReading::major_faults),
                      field("clock_drift", &NoiseReading::clock_drift),
                      field("pressure_share", &NoiseReading::pressure_share, Rule::kSparse),
                      field("unpinned_threads", &NoiseReading::unpinned_threads, Rule::kSparse));
};
template <>
struct Fields<Point> {
  static constexpr auto list = std::make_tuple(
      field("name", &Point::name), field("probe", &Point::probe),
      field("quantity", &Point::quantity), field("unit", &Point::unit),
      field("parameters", &Point::parameters), field("samples", &Point::samples),
      field("summary", &Point::summary), field("modes", &Point::modes),
      field("verdict", &Point::verdict), field("counters", &Point::counters),
      field("noise", &Point::noise), field("notes", &Point::notes), field("facts", &Point::facts));
};
template <>
struct Fields<Build> {
  static constexpr auto list = std::make_tuple(
      field("version", &Build::version), field("compiler", &Build::compiler),
      field("type", &Build::type), field("libraries", &Build::libraries),
      field("isa_targets", &Build::isa_targets), field("isa_chosen", &Build::isa_chosen));
};
template <>
struct Fields<StepRecord> {
  static constexpr auto list =
      std::make_tuple(field("probe", &StepRecord::probe), field("argv", &StepRecord::argv),
                      field("seconds", &StepRecord::seconds),
                      field("exit_code", &StepRecord::exit_code, Rule::kSigned),
                      field("points", &StepRecord::points), field("verdict", &StepRecord::verdict));
};
template <>
struct Fields<CalibratedProfile> {
  static constexpr auto list = std::make_tuple(
      field("name", &CalibratedProfile::name), field("base", &CalibratedProfile::base),
      field("sweeps", &CalibratedProfile::sweeps), field("points", &CalibratedProfile::points),
      field("seconds_factors", &CalibratedProfile::seconds_factors),
      field("serial_seconds_per_token", &CalibratedProfile::serial_seconds_per_token),
      field("rms_log_error_before", &CalibratedProfile::rms_log_error_before),
      field("rms_log_error", &CalibratedProfile::rms_log_error));
};
template <>
struct Fields<Calibration> {
  static constexpr auto list = std::make_tuple(
      field("engine", &Calibration::engine), field("model", &Calibration::model),
      field("phase", &Calibration::phase), field("threads", &Calibration::threads),
      field("measured_tokens_per_second", &Calibration::measured_tokens_per_second),
      field("predicted_tokens_per_second", &Calibration::predicted_tokens_per_second),
      field("factor", &Calibration::factor));
};
template <>
struct Fields<Results> {
  static constexpr auto list = std::make_tuple(
      field("schema_version", &Results::schema_version),
      field("created_utc", &Results::created_utc), field("state", &Results::state),
      field("command", &Results::command), field("budget_seconds", &Results::budget_seconds),
      field("machine", &Results::machine), field("build", &Results::build),
      field("steps", &Results::steps), field("points", &Results::points),
      field("missing", &Results::missing), field("calibrations", &Results::calibrations),
      field("calibrated_profiles", &Results::calibrated_profiles, Rule::kSparse));
};

}  // namespace mb::json

namespace mb {
namespace {

using json::Place;

// Indices that others use without asking.
void check_machine(const Machine& machine, const Place& place) {
  const Place pus(place, "pus");
  for (std::size_t i = 0; i < machine.pus.size(); ++i) {
    const Pu& pu = machine.pus[i];
    const Place here(pus, i);
    const auto nodes = std::max<std::size_t>(1, machine.numa_nodes.size());
    const auto kinds = std::max<std::size_t>(1, machine.core_kinds.size());
    if (static_cast<std::size_t>(pu.numa_node) >= nodes) {
      json::fail(Place(here, "numa_node"), fmt::format("an index below {}", nodes), nullptr);
    }
    if (static_cast<std::size_t>(pu.core_kind) >= kinds) {
      json::fail(Place(here, "core_kind"), fmt::format("an index below {}", kinds), nullptr);
    }
  }
  if (machine.limits.effective_cpus < 1) {
    const Place limits(place, "limits");
    json::fail(Place(limits, "effective_cpus"), "at least 1", nullptr);
  }
}

}  // namespace

std::string to_json_text(const Results& results) {
  return json::dump(json::to_json(results, Place()));
}

Results results_from_json_text(std::string_view text, std::string_view origin) {
  const json::Json document = json::parse(text, origin);
  json::check_schema_version(document, origin, "results", kResultsSchemaVersion);
  const Place root(origin);
  Results results;
  json::from_json(document, root, results);
  check_machine(results.machine, Place(root, "machine"));
  return results;
}

std::string machine_to_json_text(const Machine& machine) {
  return json::dump(json::to_json(machine, Place()));
}

std::string counter_truth_to_json_text(const std::vector<CounterTruth>& rows) {
  return json::dump(json::to_json(rows, Place()));
}

Machine machine_from_json_text(std::string_view text, std::string_view origin) {
  const Place root(origin);
  Machine machine;
  json::from_json(json::parse(text, origin), root, machine);
  check_machine(machine, root);
  return machine;
}

}  // namespace mb
