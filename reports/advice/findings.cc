// Findings: a symptom with the figure that shows it, and what a person may do. Each is a small
// function that adds nothing when its figure is not there; nothing is guessed.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reports/advice/parts.h"

namespace mb {
namespace {

using Findings = std::vector<Finding>;

void budget(const AdviceContext& context, Findings& out) {
  const Machine& machine = context.results.machine;
  const Limits& limits = machine.limits;
  if (limits.limited_by == "quota" && limits.quota_cpus) {
    out.push_back(
        {"warning", "The CPU quota is smaller than the machine looks",
         fmt::format("{:g} CPUs by {}, {} CPUs visible", *limits.quota_cpus, limits.quota_source,
                     limits.installed_cpus),
         fmt::format("Set thread counts explicitly: most engines count CPUs, start {} threads and "
                     "are stopped by the quota.",
                     limits.affinity_cpus)});
  } else if (limits.affinity_cpus > 0 && limits.affinity_cpus < limits.installed_cpus) {
    out.push_back(
        {"info", "Only part of the machine may be used",
         fmt::format("{} of {} CPUs in the affinity mask", limits.affinity_cpus,
                     limits.installed_cpus),
         "Counts and CPU lists keep to the mask; widen it (taskset, cpuset) to use more."});
  }
}

void noise(const AdviceContext& context, Findings& out) {
  std::map<std::string, std::pair<int, std::string>> neighbours;  // code -> points, a detail
  int refused = 0;
  for (const Point& point : context.results.points) {
    refused += point.verdict.validity == Validity::kInvalid;
    for (const Reason& reason : point.verdict.reasons) {
      if (reason.code != "steal" && reason.code != "bimodal" && reason.code != "throttled" &&
          reason.code != "pressure" && reason.code != "switches") {
        continue;
      }
      auto& [points, detail] = neighbours[reason.code];
      if (points++ == 0) detail = point.name + ": " + reason.detail;
    }
  }
  for (const auto& [code, seen] : neighbours) {
    const auto text =
        std::find_if(reason_texts().begin(), reason_texts().end(),
                     [&code = code](const ReasonText& entry) { return entry.code == code; });
    const bool known = text != reason_texts().end();
    out.push_back(
        {"warning", known ? std::string(text->meaning) : "Measurements were disturbed: " + code,
         fmt::format("{} point{}, first {}", seen.first, seen.first == 1 ? "" : "s", seen.second),
         known ? std::string(text->remedy) : "Measure again at a quieter time."});
  }
  if (refused > 0) {
    out.push_back({"warning", "Points were refused as invalid",
                   fmt::format("{} of {} points", refused, context.results.points.size()),
                   "Measure again at a quieter time; neighbouring points stood in."});
  }
}

void huge_pages(const AdviceContext& context, Findings& out) {
  const Machine& machine = context.results.machine;
  const auto read = [&](const char* page) {
    return context.results.find(
        fmt::format("stream_bandwidth/read/dram/page:{}/threads:{}", page, context.budget));
  };
  const Point *huge = read("thp"), *small = read("4k");
  const bool usable = huge != nullptr && small != nullptr && small->summary.median > 0 &&
                      huge->verdict.validity <= Validity::kNoisy &&
                      small->verdict.validity <= Validity::kNoisy;
  if (!usable || machine.thp_mode == "always" || machine.thp_mode == "unknown") return;
  const double gain = huge->summary.median / small->summary.median - 1;
  constexpr double kWorthSaying = 0.05;
  if (gain < kWorthSaying) return;
  out.push_back(
      {"info", "Huge pages read faster and are not given by default",
       fmt::format("{:.3g} GB/s on huge pages, {:.3g} on 4 KiB ones ({:.0f} % more); mode "
                   "is {}",
                   huge->summary.median / 1e9, small->summary.median / 1e9, 100 * gain,
                   machine.thp_mode),
       "echo always | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
       "Small pages miss the translation caches: each 4 KiB needs its own entry."});
}

void hardware_threads(const AdviceContext& context, Findings& out) {
  const Machine& machine = context.results.machine;
  if (!machine.has_smt()) {
    // Where pairs of CPUs were timed they tell (topology_findings.cc).
    if (!machine.hypervisor || !topology_evidence(context.results).contention.empty()) return;
    out.push_back({"info", "Hardware threads cannot be told from cores",
                   fmt::format("{} shows {} single-thread cores; a guest may not be told which "
                               "share one",
                               *machine.hypervisor, machine.usable_cores()),
                   "See the instance type's documentation; the measured curves hold either way."});
    return;
  }
  smt_findings(machine, compare_smt(context.results, context.tolerance), out);
}

void memory(const AdviceContext& context, Findings& out) {
  const Machine& machine = context.results.machine;
  // Docker's default size of /dev/shm.
  constexpr std::int64_t kSmallShm = 64 << 20;
  const auto& shm = machine.limits.shm_total_bytes;
  if (shm && *shm <= kSmallShm) {
    out.push_back({"info", "/dev/shm is small", fmt::format("{} MiB", *shm >> 20),
                   "Start the container with --shm-size 1g where programs share memory."});
  }
  if (machine.usable_numa_nodes() > 1) {
    out.push_back({"info", "Memory lies on several NUMA nodes",
                   fmt::format("{} nodes in use", machine.usable_numa_nodes()),
                   "Weights should be touched by the threads that read them, or one process run on "
                   "each node (numactl --cpunodebind --membind)."});
  }
  const auto reported = machine.cache_bytes(3);
  std::string seen;
  bool clearly_less = false;
  for (const ModelCurve& curve : context.model.curves()) {
    const auto usable = curve.marks.find("l3_usable_bytes");
    if (usable == curve.marks.end() || !reported) continue;
    constexpr double kClearlyLess = 0.6;
    clearly_less = clearly_less || usable->second < kClearlyLess * static_cast<double>(*reported);
    seen += fmt::format("{}{:.0f} MiB by {}", seen.empty() ? "" : ", ", usable->second / (1 << 20),
                        curve.name == "latency_by_working_set" ? "latency" : "bandwidth");
  }
  if (clearly_less) {
    out.push_back({"info", "Less L3 cache acts than is reported",
                   fmt::format("{}; {} MiB reported", seen, *reported >> 20),
                   "None needed: a guest shares the host's cache with neighbours; the measured "
                   "size is used."});
  }
}

void machine_state(const AdviceContext& context, Findings& out) {
  const Machine& machine = context.results.machine;
  constexpr std::string_view kSoftware = "QEMU TCG";  // as probes/core/describe_machine.cc names it
  if (machine.hypervisor == kSoftware) {
    out.push_back({"warning", "This processor is emulated in software",
                   fmt::format("CPUID names {}", *machine.hypervisor),
                   "Measure on the machine that will run the model: what is said here of CPUs, "
                   "memory and limits holds, times and counts are the emulator's."});
  }
  if (machine.governor && *machine.governor != "performance") {
    out.push_back({"info", "The clock follows the load",
                   "the CPU frequency governor is " + *machine.governor,
                   "For steady figures: sudo cpupower frequency-set -g performance"});
  }
  if (!machine.pmu_counts) {
    const auto told = std::find_if(
        machine.missing.begin(), machine.missing.end(),
        [](const Missing& entry) { return entry.what.find("counter") != std::string::npos; });
    const bool known = told != machine.missing.end();
    out.push_back({"info", "Hardware counters do not count here",
                   known ? told->cause : "no event could be opened and read back right",
                   known ? told->remedy : "None needed: every figure rests on timing."});
  }
}

}  // namespace

std::vector<Finding> find_findings(const AdviceContext& context) {
  Findings out;
  budget(context, out);
  noise(context, out);
  huge_pages(context, out);
  hardware_threads(context, out);
  memory(context, out);
  machine_state(context, out);
  sustain_finding(context, out);
  std::stable_partition(out.begin(), out.end(),
                        [](const Finding& finding) { return finding.severity == "warning"; });
  return out;
}

}  // namespace mb
