// A stand-in for every probe program: it is copied to a folder under the probes' names and behaves
// as the environment says. FAKE_PROBE is a list of name=behaviour:
//   points (default)   one sample a point, at once        slow     takes 1.4 times its seconds
//   crash              abort()                            hang     sleeps for ever
//   garbage            an answer that is no document      exit7    points, then exit code 7
//   other_machine      points of another processor        silent   exit 0 and no answer
//   siblings           core_to_core: CPUs 2k and 2k + 1 share a core
//   wrong              a document that says so, exit code 1
//   killed             SIGKILL by somebody                hungry   takes memory until it is killed
//   oom                SIGKILL, counted in the file FAKE_VMSTAT
//   spoilt             all points invalid at the first start, valid at the second
// FAKE_NAP: milliseconds that each step sleeps, for tests that end a run at some moment.
// FAKE_LOG names a file that gets a line "name points seconds" per start: what was run, in order.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "data/documents/results.h"
#include "data/plan/plan.h"
#include "data/system/clock.h"
#include "data/system/files.h"
#include "tests/data/plan/machines.h"

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string behaviour_of(const std::string& probe) {
  const std::string all = "," + environment("FAKE_PROBE") + ",";
  const std::size_t at = all.find("," + probe + "=");
  if (at == std::string::npos) return "points";
  const std::size_t begin = at + probe.size() + 2;
  return all.substr(begin, all.find(',', begin) - begin);
}

mb::Results answer(const std::string& probe, const mb::PlannedStep& step, mb::Machine machine) {
  mb::Results results;
  results.machine = std::move(machine);
  for (const mb::PlannedPoint& planned : step.points) {
    mb::Point point;
    point.name = planned.parameters.name(probe);
    point.probe = probe;
    point.quantity = "time";
    point.parameters = planned.parameters;
    point.samples = {planned.seconds};
    // Another start gives other figures, so that a step that was run again is seen.
    point.facts["started_seconds"] = mb::monotonic_clock().now_seconds();
    point.facts["cores"] = results.machine.usable_cores();  // as the probe was told
    point.summary = mb::summarise(point.samples, point.unit);
    results.points.push_back(point);
  }
  return results;
}

// What pairs of CPUs do where two and two share a core.
void show_siblings(mb::Results& results) {
  for (mb::Point& point : results.points) {
    const mb::Parameters& axes = point.parameters;
    const auto from = axes.number_or("from_pu", 0), to = axes.number_or("to_pu", -1);
    const bool together = to >= 0 && from / 2 == to / 2;
    const bool handoff = axes.text_or("operation", "") == "handoff";
    const double rate = to < 0 || together ? 1 : 2;
    point.samples = {handoff ? (together ? 8e-9 : 50e-9) : rate};
    point.unit = handoff ? mb::Unit::kSeconds : mb::Unit::kFlopsPerSecond;
    point.summary = mb::summarise(point.samples, point.unit);
  }
}

int act(const std::string& probe, std::map<std::string, std::string>& flags) {
  const std::string behaviour = behaviour_of(probe);
  if (probe == "machine") {
    if (behaviour == "crash") std::abort();
    mb::Results results;
    const std::string cpus = environment("FAKE_CPUS");
    results.machine = mb::make_machine(1, 1, cpus.empty() ? 2 : std::atoi(cpus.c_str()), 1);
    if (flags.contains("--cloud-label")) results.machine.cloud_label = "asked";
    mb::write_file_atomically(flags["--out"], to_json_text(results));
    return 0;
  }
  const mb::PlannedStep step =
      mb::step_from_json_text(mb::read_file(flags["--plan"]), flags["--plan"]);
  const mb::Machine machine =
      mb::machine_from_json_text(mb::read_file(flags["--machine"]), flags["--machine"]);
  if (const std::string log = environment("FAKE_LOG"); !log.empty()) {
    std::ofstream(log, std::ios::app)
        << probe << ' ' << step.points.size() << ' ' << step.seconds() << '\n';
  }
  mb::monotonic_clock().sleep_seconds(1e-3 * std::atof(environment("FAKE_NAP").c_str()));
  if (behaviour == "crash") std::abort();
  if (behaviour == "hang") {
    while (true) ::pause();
  }
  if (behaviour == "hungry") {
    for (std::vector<std::string> held;;) held.emplace_back(std::size_t{1} << 24, 'x');
  }
  if (behaviour == "oom") std::ofstream(environment("FAKE_VMSTAT")) << "pgfault 5\noom_kill 8\n";
  if (behaviour == "oom" || behaviour == "killed") ::raise(SIGKILL);
  if (behaviour == "silent") return 0;
  if (behaviour == "garbage") {
    mb::write_file_atomically(flags["--out"], "{\"points\": [");
    return 0;
  }
  if (behaviour == "slow") mb::monotonic_clock().sleep_seconds(1.4 * step.seconds());
  mb::Results results = answer(probe, step, machine);
  if (behaviour == "siblings") show_siblings(results);
  const std::filesystem::path seen = environment("FAKE_LOG") + "." + probe;
  if (behaviour == "spoilt" && !std::filesystem::exists(seen)) {
    std::ofstream(seen) << "once\n";
    for (mb::Point& point : results.points) {
      point.verdict.worsen(mb::Validity::kInvalid, "spread", "MAD 50 %");
    }
  }
  if (behaviour == "wrong") {
    results.points.resize(1);
    mb::StepRecord record;
    record.verdict.worsen(mb::Validity::kInvalid, "wrong_result", "sum is 3, expected 4");
    results.steps.push_back(record);
  }
  if (behaviour == "other_machine") results.machine.cpu_model = "Somebody else's CPU";
  mb::write_file_atomically(flags["--out"], to_json_text(results));
  return behaviour == "exit7" ? 7 : behaviour == "wrong" ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i < argc; i += 2) flags[argv[i]] = i + 1 < argc ? argv[i + 1] : "";
  const std::string path = argv[0];
  return act(path.substr(path.rfind('/') + 1), flags);
}
