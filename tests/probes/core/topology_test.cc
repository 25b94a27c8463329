// Topologies of machines we do not have, from data/topologies and synthetic descriptions.
#include "probes/core/topology.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "data/error.h"
#include "data/system/files.h"
#include "tests/probes/core/machine_fixtures.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TopologySource synthetic(const std::string& text) {
  return {TopologySource::Kind::kSynthetic, text};
}

struct Counts {
  std::size_t pus, cores, packages, nodes, domains;
  bool operator==(const Counts&) const = default;
};

Counts count(const Topology& topology) {
  std::set<int> cores, packages, nodes, domains;
  for (const Pu& pu : topology.pus) {
    cores.insert(pu.core);
    packages.insert(pu.package);
    nodes.insert(pu.numa_node);
    domains.insert(pu.l3_domain);
  }
  return {topology.pus.size(), cores.size(), packages.size(), nodes.size(), domains.size()};
}

// Every PU in exactly one core, and every core inside one package, node, domain and kind; indices
// count from 0 without gaps, SMT ranks too.
void expect_partition(const Topology& topology) {
  std::map<int, std::set<std::vector<int>>> places_of_core;
  std::map<int, std::set<int>> ranks_of_core;
  std::set<int> os_indices, packages, domains;
  for (const Pu& pu : topology.pus) {
    EXPECT_TRUE(os_indices.insert(pu.os_index).second) << "PU twice: " << pu.os_index;
    places_of_core[pu.core].insert({pu.package, pu.numa_node, pu.l3_domain, pu.core_kind});
    EXPECT_TRUE(ranks_of_core[pu.core].insert(pu.smt_rank).second);
    packages.insert(pu.package);
    domains.insert(pu.l3_domain);
    EXPECT_GE(pu.core_kind, 0);
    EXPECT_LT(static_cast<std::size_t>(pu.core_kind), topology.core_kinds.size());
    EXPECT_LT(static_cast<std::size_t>(pu.numa_node), topology.numa_nodes.size());
  }
  for (const auto& [core, places] : places_of_core) EXPECT_EQ(places.size(), 1u) << core;
  for (const auto& [core, ranks] : ranks_of_core) {
    EXPECT_EQ(*ranks.rbegin(), static_cast<int>(ranks.size()) - 1) << core;
  }
  ASSERT_FALSE(topology.pus.empty());
  EXPECT_EQ(places_of_core.rbegin()->first, static_cast<int>(places_of_core.size()) - 1);
  EXPECT_EQ(*packages.rbegin(), static_cast<int>(packages.size()) - 1);
  EXPECT_EQ(*domains.rbegin(), static_cast<int>(domains.size()) - 1);
}

const Pu& pu_with_index(const Topology& topology, int os_index) {
  const auto found = std::find_if(topology.pus.begin(), topology.pus.end(),
                                  [&](const Pu& pu) { return pu.os_index == os_index; });
  EXPECT_NE(found, topology.pus.end());
  return *found;
}

class FixtureTopology : public testing::TestWithParam<MachineFixture> {};

TEST_P(FixtureTopology, IsAPartition) {
  expect_partition(load_topology(xml_source(GetParam().name)));
}

INSTANTIATE_TEST_SUITE_P(All, FixtureTopology, testing::ValuesIn(machine_fixtures()), kFixtureName);

TEST(Topology, DualSocketServerHasTwoOfEachDomainAndSiblingsApart) {
  const Topology topology = load_topology(xml_source("dual-socket-smt"));
  EXPECT_EQ(count(topology), (Counts{128, 64, 2, 2, 2}));
  EXPECT_EQ(pu_with_index(topology, 0).core, pu_with_index(topology, 64).core);
  EXPECT_EQ(pu_with_index(topology, 0).smt_rank, 0);
  EXPECT_EQ(pu_with_index(topology, 64).smt_rank, 1);
  EXPECT_NE(pu_with_index(topology, 31).package, pu_with_index(topology, 32).package);
  EXPECT_EQ(topology.numa_nodes[1].bytes, std::int64_t{256} << 30);
}

TEST(Topology, ChipletDesktopHasTwoL3DomainsInOnePackage) {
  const Topology topology = load_topology(xml_source("chiplet-desktop"));
  EXPECT_EQ(count(topology), (Counts{24, 12, 1, 1, 2}));
  EXPECT_NE(pu_with_index(topology, 5).l3_domain, pu_with_index(topology, 6).l3_domain);
  EXPECT_THAT(topology.caches,
              ElementsAre(Cache{1, 32 << 10, 12, 2, 64}, Cache{2, 1 << 20, 12, 2, 64},
                          Cache{3, 32 << 20, 2, 12, 64}));
}

TEST(Topology, HybridLaptopRanksPerformanceCoresFirst) {
  const Topology topology = load_topology(xml_source("hybrid-laptop"));
  EXPECT_EQ(count(topology), (Counts{20, 14, 1, 1, 1}));
  EXPECT_THAT(topology.core_kinds, ElementsAre("performance", "efficiency"));
  EXPECT_EQ(pu_with_index(topology, 11).core_kind, 0);
  EXPECT_EQ(pu_with_index(topology, 12).core_kind, 1);
  EXPECT_EQ(pu_with_index(topology, 11).smt_rank, 1);
  EXPECT_EQ(pu_with_index(topology, 13).smt_rank, 0);
}

TEST(Topology, HybridCachesAreListedBySizeWithTheFastCoresFirst) {
  const Topology topology = load_topology(xml_source("hybrid-laptop"));
  EXPECT_THAT(topology.caches,
              ElementsAre(Cache{1, 48 << 10, 6, 2, 64}, Cache{1, 32 << 10, 8, 1, 64},
                          Cache{2, 1280 << 10, 6, 2, 64}, Cache{2, 2 << 20, 2, 4, 64},
                          Cache{3, 24 << 20, 1, 20, 64}));
}

TEST(Topology, ArmServerHasNoSmt) {
  const Topology topology = load_topology(xml_source("arm-96"));
  EXPECT_EQ(count(topology), (Counts{96, 96, 1, 1, 1}));
  EXPECT_EQ(topology.isa, "aarch64");
  EXPECT_EQ(topology.cpu_model, "");
}

TEST(Topology, LargeInstanceHas192PusOn96Cores) {
  EXPECT_EQ(count(load_topology(xml_source("ec2-192"))), (Counts{192, 96, 2, 2, 2}));
}

TEST(Topology, WithoutL3ThePackageIsTheDomain) {
  const Topology topology = load_topology(synthetic("pack:2 l2:2 core:2 pu:1"));
  EXPECT_EQ(count(topology), (Counts{8, 8, 2, 1, 2}));
  expect_partition(topology);
}

TEST(Topology, WithoutCoresEachPuIsItsOwn) {
  const Topology topology = load_topology(synthetic("pack:1 pu:4"));
  EXPECT_EQ(count(topology), (Counts{4, 4, 1, 1, 1}));
  expect_partition(topology);
}

TEST(Topology, OnePuAloneIsAWholeMachine) {
  const Topology topology = load_topology(synthetic("pu:1"));
  EXPECT_EQ(count(topology), (Counts{1, 1, 1, 1, 1}));
  expect_partition(topology);
}

TEST(Topology, SubNumaClustersAreNodesInsideAPackage) {
  const Topology topology = load_topology(synthetic("pack:2 [numa] group:2 [numa] core:4 pu:2"));
  const Counts counts = count(topology);
  EXPECT_EQ(counts.nodes, 4u) << "the nearest nodes are the clusters' own, not the package's";
  expect_partition(topology);
}

TEST(Topology, MoreThan1024PusAreRead) {
  const Topology topology = load_topology(synthetic("pack:4 l3:8 core:32 pu:2"));
  EXPECT_EQ(count(topology), (Counts{2048, 1024, 4, 1, 32}));
  expect_partition(topology);
}

// hwloc puts a node without CPUs beside the one that it is nearest to, between two that have some.
TEST(Topology, ANodeWithoutCpusIsListedAndIsNoPusNode) {
  const Topology topology = load_topology(xml_source("cxl-server"));
  EXPECT_EQ(count(topology), (Counts{64, 32, 2, 2, 2}));
  ASSERT_EQ(topology.numa_nodes.size(), 3u);
  EXPECT_EQ(topology.numa_nodes[1].os_index, 2);
  EXPECT_EQ(topology.numa_nodes[1].bytes, std::int64_t{256} << 30);
  for (const Pu& pu : topology.pus) {
    const auto node = static_cast<std::size_t>(pu.numa_node);
    EXPECT_EQ(topology.numa_nodes[node].os_index, pu.package) << pu.os_index;
  }
}

// Of two nodes of the same CPUs (DRAM, and high-bandwidth memory in flat mode) the first is theirs.
TEST(Topology, OfTwoNodesOfTheSameCpusTheFirstIsTheirs) {
  const Topology topology = load_topology(
      synthetic("pack:2 [numa(memory=137438953472)] [numa(memory=68719476736)] l3:1 core:4 pu:2"));
  EXPECT_EQ(count(topology), (Counts{16, 8, 2, 2, 2}));
  ASSERT_EQ(topology.numa_nodes.size(), 4u);
  for (const Pu& pu : topology.pus) {
    EXPECT_EQ(topology.numa_nodes[static_cast<std::size_t>(pu.numa_node)].bytes,
              std::int64_t{128} << 30);
  }
  expect_partition(topology);
}

// A machine as Linux shows it, read by hwloc in the place of this one's: CPUs 1 and 6 of 8 offline.
TEST(Topology, OfflinePusAreNoPus) {
  const TemporaryFolder folder;
  const auto put = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories((folder.path() / path).parent_path());
    write_file_atomically(folder.path() / path, text + "\n");
  };
  const std::string cpus = "sys/devices/system/cpu/";
  put(cpus + "possible", "0-7");
  put(cpus + "present", "0-7");
  put(cpus + "online", "0,2-5,7");
  for (const int cpu : {0, 2, 3, 4, 5, 7}) {
    const std::string topology = cpus + "cpu" + std::to_string(cpu) + "/topology/";
    put(topology + "physical_package_id", std::to_string(cpu / 4));
    put(topology + "core_id", std::to_string(cpu % 4));
    put(topology + "core_cpus", fmt::format("{:x}", 1 << cpu));
    put(topology + "package_cpus", cpu < 4 ? "d" : "b0");
  }
  for (const int offline : {1, 6}) put(cpus + "cpu" + std::to_string(offline) + "/online", "0");
  put("proc/cpuinfo", "");
  setenv("HWLOC_FSROOT", folder.path().c_str(), 1);
  setenv("HWLOC_COMPONENTS", "-x86", 1);  // it would ask this CPU
  const Topology topology = load_topology({});
  unsetenv("HWLOC_FSROOT");
  unsetenv("HWLOC_COMPONENTS");
  EXPECT_EQ(count(topology), (Counts{6, 6, 2, 1, 2}));
  std::vector<int> online;
  for (const Pu& pu : topology.pus) online.push_back(pu.os_index);
  EXPECT_THAT(online, ElementsAre(0, 2, 3, 4, 5, 7));
  expect_partition(topology);
}

TEST(Topology, ThisMachineIsAPartition) { expect_partition(load_topology({})); }

// hwloc marks what a cpuset or container disallowed when the file was written.
TEST(Topology, DisallowedPusAreKeptButNotUsable) {
  std::string xml = read_file(topologies_folder() / "vm-2.xml");
  const std::string all = "allowed_cpuset=\"0x00000003\"";
  ASSERT_NE(xml.find(all), std::string::npos);
  xml.replace(xml.find(all), all.size(), "allowed_cpuset=\"0x00000002\"");
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "vm.xml").string();
  write_file_atomically(path, xml);
  const Topology topology = load_topology({TopologySource::Kind::kXmlFile, path});
  ASSERT_EQ(topology.pus.size(), 2u);
  EXPECT_FALSE(topology.pus[0].usable);
  EXPECT_TRUE(topology.pus[1].usable);
}

void expect_failure_naming(const TopologySource& source) {
  try {
    load_topology(source);
    FAIL() << "no error for " << source.text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailure);
    EXPECT_THAT(error.what(), HasSubstr(source.text));
  }
}

TEST(Topology, AMissingFileIsAnErrorThatNamesIt) {
  expect_failure_naming({TopologySource::Kind::kXmlFile, "/nowhere/machine.xml"});
}

TEST(Topology, AFileThatIsNotXmlIsAnErrorThatNamesIt) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "broken.xml").string();
  write_file_atomically(path, "<topology><object type=\"Mach");
  expect_failure_naming({TopologySource::Kind::kXmlFile, path});
}

TEST(Topology, AWrongDescriptionIsAnErrorThatNamesIt) {
  expect_failure_naming(synthetic("socks:two"));
}

}  // namespace
}  // namespace mb
