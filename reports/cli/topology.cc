// What the machine probe says of this machine, for a person.
#include <fmt/format.h>

#include "data/system/child.h"
#include "probes/campaign/campaign.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
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
  row("huge pages",
      fmt::format("transparent {}, shared memory {}", machine.thp_mode, machine.shmem_thp_mode));
  row("counters", machine.pmu_counts ? "hardware counters count" : "no hardware counter counts");
  for (const Missing& missing : machine.missing) {
    fmt::print("  not known: {}: {}; {}\n", missing.what, missing.cause, missing.remedy);
  }
}

}  // namespace

int run_topology(const Arguments& arguments) {
  Flags flags("topology", "Describes this machine and what this process may use of it.", {}, "");
  flags.flag("json", "print the machine document");
  if (!flags.parse(arguments)) return 0;
  install_interrupt_handler();
  const Machine machine = describe_this_machine(find_probe_folder());
  if (flags.has("json")) {
    fmt::print("{}", machine_to_json_text(machine));
  } else {
    print_topology(machine);
  }
  return 0;
}

}  // namespace mb
