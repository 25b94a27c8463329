// What the machine probe says of this machine, for a person; with --check, what pairs of CPUs show.
#include <fmt/format.h>

#include <map>
#include <set>
#include <string>

#include "data/error.h"
#include "data/plan/topology_check.h"
#include "data/system/child.h"
#include "data/system/files.h"
#include "probes/campaign/campaign.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/render/format.h"

namespace mb {
namespace {

void row(std::string_view name, const std::string& value) {
  fmt::print("  {:<16}{}\n", name, value);
}

std::string bytes_or(const std::optional<std::int64_t>& bytes, std::string_view otherwise) {
  return bytes ? format_bytes(static_cast<double>(*bytes)) : std::string(otherwise);
}

std::vector<int> usable_pus(const Machine& machine) {
  std::vector<int> pus;
  for (const Pu& pu : machine.pus) {
    if (pu.usable) pus.push_back(pu.os_index);
  }
  return pus;
}

void print_limits(const Limits& limits) {
  row("memory", fmt::format("{} available of {}; budget {}",
                            format_bytes(static_cast<double>(limits.memory_available_bytes)),
                            format_bytes(static_cast<double>(limits.memory_total_bytes)),
                            format_bytes(static_cast<double>(limits.memory_budget_bytes))));
  row("/dev/shm", limits.shm_total_bytes
                      ? fmt::format("{} free of {}", bytes_or(limits.shm_free_bytes, "unknown"),
                                    bytes_or(limits.shm_total_bytes, "unknown"))
                      : "not mounted");
}

void print_topology(const Machine& machine) {
  fmt::print("CPU budget: {}\n", format_cpu_budget(machine.limits));
  row("processor", fmt::format("{} ({})", machine.cpu_model, machine.isa));
  row("usable",
      fmt::format("{} on {}, {}, {}, {}", format_count(machine.usable_pus(), "CPU", "CPUs"),
                  format_count(machine.usable_cores(), "core", "cores"),
                  format_count(machine.usable_l3_domains(), "L3 domain", "L3 domains"),
                  format_count(machine.usable_numa_nodes(), "NUMA node", "NUMA nodes"),
                  format_count(machine.usable_packages(), "package", "packages")));
  row("CPU list", format_cpu_list(usable_pus(machine)));
  row("SMT", machine.has_smt() ? "two hardware threads a core" : "none visible");
  for (const Cache& cache : machine.caches) {
    row(fmt::format("L{}", cache.level),
        fmt::format("{} x {}, shared by {}", cache.instances,
                    format_bytes(static_cast<double>(cache.bytes)),
                    format_count(cache.pus_per_instance, "CPU", "CPUs")));
  }
  print_limits(machine.limits);
  row("system", fmt::format("{}, Linux {}", machine.os, machine.kernel));
  row("hypervisor", machine.hypervisor.value_or("none seen"));
  if (const std::string instance = format_instance(machine); !instance.empty()) {
    row("instance", instance);
  }
  row("huge pages",
      fmt::format("transparent {}, shared memory {}", machine.thp_mode, machine.shmem_thp_mode));
  row("counters", machine.pmu_counts ? "hardware counters count" : "no hardware counter counts");
  for (const Missing& missing : machine.missing) {
    fmt::print("  not known: {}: {}; {}\n", missing.what, missing.cause, missing.remedy);
  }
}

constexpr double kCheckSeconds = 4;  // every pair of up to ten CPUs several times

Results measure_pairs() {
  const TemporaryFolder folder;
  CampaignRequest request;
  request.plan.budget_seconds = kCheckSeconds;
  request.plan.probes = {"core_to_core"};
  request.output_folder = folder.path();
  request.probe_folder = find_probe_folder();
  request.command = {"memory_benchmark", "topology", "--check"};
  Results results = run_campaign(request);
  if (results.state == "interrupted") throw Error(ErrorCode::kInterrupted, "interrupted");
  return results;
}

void print_relation(std::string_view name, const TopologyRelation& relation) {
  fmt::print("{:<12}{}", name, to_string(relation.agreement));
  if (relation.agreement != TopologyRelation::Agreement::kUnknown) {
    fmt::print(", confidence {}", relation.confidence);
  }
  fmt::print("\n{:<12}claimed  {}\n{:<12}seen     {}\n", "", relation.claimed, "", relation.seen);
}

// Hand-offs in nanoseconds above the diagonal, contention in percent below.
void print_pairs(const TopologyEvidence& evidence) {
  constexpr std::size_t kMostShown = 16;
  std::set<int> cpus;
  std::map<std::pair<int, int>, std::string> cells;
  for (const PairValue& pair : evidence.handoff) {
    cpus.insert({pair.a, pair.b});
    cells[{pair.a, pair.b}] = fmt::format("{:.0f}", pair.value * 1e9);
  }
  for (const PairValue& pair : evidence.contention) {
    cpus.insert({pair.a, pair.b});
    cells[{pair.b, pair.a}] = fmt::format("{:.0f}%", pair.value * 100);
  }
  if (cpus.empty() || cpus.size() > kMostShown) return;
  fmt::print(
      "\nAbove the diagonal hand-offs in ns; below, what two CPUs compute at once in % of "
      "both alone.\nCPU  ");
  for (const int cpu : cpus) fmt::print("{:>6}", cpu);
  for (const int row : cpus) {
    fmt::print("\n{:<5}", row);
    for (const int column : cpus) {
      const auto cell = cells.find({row, column});
      fmt::print("{:>6}", row == column ? "-" : cell == cells.end() ? "" : cell->second);
    }
  }
  fmt::print("\n");
}

void print_check(const Results& results) {
  const TopologyCheck check = check_topology(results);
  fmt::print("{} of {} usable CPUs timed in pairs\n\n", check.cpus_measured,
             results.machine.usable_pus());
  print_relation("SMT", check.siblings);
  print_relation("L3", check.l3_domains);
  print_relation("packages", check.packages);
  print_pairs(topology_evidence(results));
}

}  // namespace

int run_topology(const Arguments& arguments) {
  Flags flags("topology", "Describes this machine and what this process may use of it.", {},
              "  memory_benchmark topology --check            time pairs of CPUs for 4 s\n"
              "  memory_benchmark topology --results results.json --json\n");
  flags.flag("check", "time pairs of CPUs and hold what they show against what the system claims")
      .value("results", "FILE", "the same from the pairs in a results document, nothing is timed")
      .flag("cloud-label",
            "ask the metadata service of EC2 (169.254.169.254, within 1 s) for instance type, "
            "purchasing option and zone; without it no network is used")
      .flag("json", "print the machine document, or the check");
  if (!flags.parse(arguments)) return 0;
  if (flags.has("check") && flags.has("results")) {
    throw Error(ErrorCode::kUsage, "topology: --check measures here, --results reads; give one");
  }
  if (flags.has("cloud-label") && (flags.has("check") || flags.has("results"))) {
    throw Error(ErrorCode::kUsage,
                "topology: --cloud-label has no effect beside --check and --results");
  }
  install_interrupt_handler();
  if (flags.has("check") || flags.has("results")) {
    const Results results =
        flags.has("check") ? measure_pairs() : load_results(*flags.get("results"));
    if (flags.has("json")) {
      fmt::print("{}", to_json_text(check_topology(results)));
    } else {
      print_check(results);
    }
    return 0;
  }
  const Machine machine = describe_this_machine(find_probe_folder(), flags.has("cloud-label"));
  if (flags.has("json")) {
    fmt::print("{}", machine_to_json_text(machine));
  } else {
    print_topology(machine);
  }
  return 0;
}

}  // namespace mb
