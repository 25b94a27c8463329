// The machines of data/topologies: an hwloc XML file, a folder of host files, and what system calls
// would say there. fixture_machine() describes one as the machine probe would on the real thing.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "probes/core/describe_machine.h"

namespace mb {

struct MachineFixture {
  std::string name, isa, kernel, hypervisor_vendor;
  int pus = 0;
  std::int64_t shm_bytes = 0;
  bool pmu_counts = false;
};

inline void PrintTo(const MachineFixture& fixture, std::ostream* out) { *out << fixture.name; }

// For INSTANTIATE_TEST_SUITE_P, whose names may not hold a dash.
inline constexpr auto kFixtureName = [](const auto& tested) {
  std::string name = tested.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
};

inline const std::vector<MachineFixture>& machine_fixtures() {
  constexpr std::int64_t kGiB = std::int64_t{1} << 30;
  static const std::vector<MachineFixture> fixtures = {
      {"dual-socket-smt", "x86_64", "5.15.0-105-generic", "", 128, 256 * kGiB, true},
      {"chiplet-desktop", "x86_64", "6.8.0-31-generic", "", 24, 32 * kGiB, true},
      {"arm-96", "aarch64", "6.1.84-99.169.amzn2023.aarch64", "", 96, 96 * kGiB, true},
      {"hybrid-laptop", "x86_64", "6.1.0-21-amd64", "", 20, 16 * kGiB, true},
      {"ec2-192", "x86_64", "6.5.0-1018-aws", "KVMKVMKVM", 192, 384 * kGiB, false},
      {"vm-2", "x86_64", "6.1.0-21-cloud-amd64", "KVMKVMKVM", 2, 4 * kGiB, false},
      {"cxl-server", "x86_64", "6.8.0-31-generic", "", 64, 256 * kGiB, true},
      {"vm-hidden-smt", "x86_64", "6.8.0-31-generic", "KVMKVMKVM", 8, 16 * kGiB, false},
  };
  return fixtures;
}

inline std::filesystem::path topologies_folder() {
  return std::filesystem::path(SOURCE_DIR) / "data" / "topologies";
}

inline TopologySource xml_source(const std::string& name) {
  return {TopologySource::Kind::kXmlFile, (topologies_folder() / (name + ".xml")).string()};
}

inline Machine fixture_machine(const MachineFixture& fixture) {
  SystemFacts facts;
  for (int cpu = 0; cpu < fixture.pus; ++cpu) facts.affinity.push_back(cpu);
  facts.shm_total_bytes = facts.shm_free_bytes = fixture.shm_bytes;
  facts.kernel_release = fixture.kernel;
  facts.isa = fixture.isa;
  facts.hypervisor_vendor = fixture.hypervisor_vendor;
  Machine machine = describe_machine(HostFiles(topologies_folder() / (fixture.name + ".host")),
                                     facts, xml_source(fixture.name));
  machine.pmu_counts = fixture.pmu_counts;
  if (!machine.pmu_counts) {
    machine.missing.push_back({"hardware counters", "the hypervisor offers no PMU to this guest",
                               "none from inside the guest; all time results are complete"});
  }
  return machine;
}

}  // namespace mb
