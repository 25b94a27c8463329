// The machine document of every fixture, compared with the one stored beside it, and what is said
// of hosts with odd or missing files. Set UPDATE_FIXTURES=1 to write the stored documents anew.
#include "probes/core/describe_machine.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "data/documents/results.h"
#include "data/error.h"
#include "data/system/files.h"
#include "tests/probes/core/machine_fixtures.h"

namespace mb {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

std::filesystem::path document_of(const std::string& name) {
  return topologies_folder() / (name + ".machine.json");
}

class FixtureMachine : public testing::TestWithParam<MachineFixture> {};

TEST_P(FixtureMachine, GivesTheStoredDocument) {
  const Machine machine = fixture_machine(GetParam());
  const std::filesystem::path path = document_of(GetParam().name);
  if (std::getenv("UPDATE_FIXTURES") != nullptr) {
    write_file_atomically(path, machine_to_json_text(machine));
  }
  const Machine stored = machine_from_json_text(read_file(path), path.string());
  EXPECT_EQ(machine_to_json_text(machine), machine_to_json_text(stored));
  EXPECT_TRUE(machine == stored);
}

INSTANTIATE_TEST_SUITE_P(All, FixtureMachine, testing::ValuesIn(machine_fixtures()), kFixtureName);

Machine fixture_named(const std::string& name) {
  for (const MachineFixture& fixture : machine_fixtures()) {
    if (fixture.name == name) return fixture_machine(fixture);
  }
  throw std::out_of_range(name);
}

const auto missing_what = [](const std::string& what) {
  return Contains(Field(&Missing::what, what));
};

TEST(DescribeMachine, NamesCloudInstancesAndTheirHypervisor) {
  const Machine intel = fixture_named("ec2-192");
  EXPECT_EQ(intel.cloud_label, "m7i.48xlarge");
  EXPECT_EQ(intel.hypervisor, "KVM");
  const Machine arm = fixture_named("arm-96");
  EXPECT_EQ(arm.cloud_label, "c8g.24xlarge");
  EXPECT_EQ(arm.hypervisor, "Nitro");
  EXPECT_EQ(arm.cpu_model, "Arm Neoverse V2");
  EXPECT_THAT(arm.cpu_features, IsSupersetOf({"asimddp", "i8mm", "sve2"}));
}

TEST(DescribeMachine, BareMetalHasNoHypervisorAndNoLabel) {
  const Machine machine = fixture_named("dual-socket-smt");
  EXPECT_EQ(machine.hypervisor, std::nullopt);
  EXPECT_EQ(machine.cloud_label, std::nullopt);
  EXPECT_EQ(machine.governor, "performance");
  EXPECT_EQ(machine.hugetlb_free_pages.at("2048kB"), 1024);
  EXPECT_THAT(machine.missing, Not(missing_what("hugetlb pages")));
  EXPECT_TRUE(machine.missing.empty());
}

TEST(DescribeMachine, SaysWhichMemoryNoThreadIsNearestTo) {
  const Machine machine = fixture_named("cxl-server");
  EXPECT_EQ(machine.usable_numa_nodes(), 2);
  ASSERT_THAT(machine.missing, missing_what("memory of nodes without CPUs"));
  EXPECT_THAT(machine.missing.back().cause, HasSubstr("NUMA node 2 (256 GiB) has no CPUs"));
  EXPECT_THAT(machine.missing, Not(missing_what("NUMA comparison")));
}

TEST(DescribeMachine, SaysWhatASmallGuestCannotTell) {
  const Machine machine = fixture_named("vm-hidden-smt");
  EXPECT_EQ(machine.thp_mode, "never");
  EXPECT_FALSE(machine.has_smt());
  for (const char* what :
       {"transparent huge pages", "hugetlb pages", "NUMA comparison", "frequency governor"}) {
    EXPECT_THAT(machine.missing, missing_what(what));
  }
  for (const Missing& missing : machine.missing) {
    EXPECT_FALSE(missing.cause.empty()) << missing.what;
    EXPECT_FALSE(missing.remedy.empty()) << missing.what;
  }
}

// A host in a temporary folder, on a synthetic machine of 4 cores.
class MadeUpHost : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = folder_.path() / path;
    std::filesystem::create_directories(file.parent_path());
    write_file_atomically(file, text);
  }
  Machine describe() {
    return describe_machine(HostFiles(folder_.path()), facts_,
                            {TopologySource::Kind::kSynthetic, "pack:1 core:4 pu:1"});
  }
  TemporaryFolder folder_;
  SystemFacts facts_;
};

TEST_F(MadeUpHost, WithoutAnyFileIsStillDescribed) {
  const Machine machine = describe();
  EXPECT_EQ(machine.usable_pus(), 4);
  EXPECT_EQ(machine.cpu_model, "unknown");
  EXPECT_EQ(machine.os, "unknown");
  EXPECT_EQ(machine.thp_mode, "unknown");
  EXPECT_TRUE(machine.hugetlb_free_pages.empty());
  EXPECT_THAT(machine.missing, missing_what("cache sizes"));
  EXPECT_THAT(machine.missing, missing_what("available memory"));
  EXPECT_TRUE(machine_from_json_text(machine_to_json_text(machine), "test") == machine);
}

// Some hypervisors hand memory over on demand; hwloc then sees a node that is still small.
TEST_F(MadeUpHost, TheOnlyNodeHasAllTheMemory) {
  write("proc/meminfo", "MemTotal: 67108864 kB\nMemFree: 33554432 kB\n");
  const Machine machine = describe();
  ASSERT_EQ(machine.numa_nodes.size(), 1u);
  EXPECT_EQ(machine.numa_nodes[0].bytes, std::int64_t{64} << 30);
  EXPECT_EQ(machine.limits.memory_available_bytes, std::int64_t{32} << 30);
}

TEST_F(MadeUpHost, MarksPusOutsideTheMaskAsNotUsable) {
  facts_.affinity = {1, 3};
  const Machine machine = describe();
  std::vector<int> usable;
  for (const Pu& pu : machine.pus) {
    if (pu.usable) usable.push_back(pu.os_index);
  }
  EXPECT_THAT(usable, ElementsAre(1, 3));
  EXPECT_EQ(machine.limits.effective_cpus, 2);
  EXPECT_EQ(machine.limits.installed_cpus, 4);
}

TEST_F(MadeUpHost, WithNoUsablePuIsNotAvailable) {
  facts_.affinity = {17};
  try {
    describe();
    FAIL() << "described";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotAvailable);
    EXPECT_THAT(error.what(), HasSubstr("affinity"));
  }
}

TEST_F(MadeUpHost, FirmwareStringsOfAnyBytesStayValidJson) {
  write("proc/cpuinfo", "model name\t: Br\xf6ken \x01 CPU\nmicrocode : \xff\n");
  write("etc/os-release", "PRETTY_NAME='\xe2\x98'\n");
  write("sys/class/dmi/id/sys_vendor", "Amazon EC2");
  write("sys/class/dmi/id/product_name", "<b>\"m7\"</b>\xff");
  const Machine machine = describe();
  EXPECT_EQ(machine.cpu_model, "Br?ken ? CPU");
  EXPECT_TRUE(machine_from_json_text(machine_to_json_text(machine), "test") == machine);
}

TEST_F(MadeUpHost, ReadsTheChosenHugePageModes) {
  write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  write("sys/kernel/mm/transparent_hugepage/shmem_enabled", "][\n");
  const Machine machine = describe();
  EXPECT_EQ(machine.thp_mode, "madvise");
  EXPECT_EQ(machine.shmem_thp_mode, "unknown");
}

TEST_F(MadeUpHost, PromisedHugetlbPagesAreNotFree) {
  write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "10\n");
  write("sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "4\n");
  write("sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "what\n");
  const Machine machine = describe();
  EXPECT_EQ(machine.hugetlb_free_pages.at("2048kB"), 6);
  EXPECT_EQ(machine.hugetlb_free_pages.count("1048576kB"), 0u);
}

TEST_F(MadeUpHost, MetalInstancesHaveALabelButNoHypervisor) {
  facts_.isa = "aarch64";
  write("sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
  write("sys/class/dmi/id/product_name", "c7g.metal\n");
  EXPECT_EQ(describe().hypervisor, std::nullopt);
  EXPECT_EQ(describe().cloud_label, "c7g.metal");
  write("sys/class/dmi/id/product_name", "c7g.large\n");
  EXPECT_EQ(describe().hypervisor, "Nitro");
}

TEST_F(MadeUpHost, VendorsAreNamedFromDmiAlone) {
  const auto label = [&](const char* vendor, const char* product, const char* asset_tag) {
    write("sys/class/dmi/id/sys_vendor", vendor);
    write("sys/class/dmi/id/product_name", product);
    write("sys/class/dmi/id/chassis_asset_tag", asset_tag);
    const Machine machine = describe();
    EXPECT_EQ(machine.cloud_zone, std::nullopt);
    return machine.cloud_label.value_or("");
  };
  EXPECT_EQ(label("Google", "Google Compute Engine", ""), "Google Compute Engine");
  EXPECT_EQ(label("Alibaba Cloud", "Alibaba Cloud ECS", ""), "Alibaba Cloud ECS");
  EXPECT_EQ(label("Hetzner", "vServer", ""), "Hetzner vServer");
  EXPECT_EQ(label("DigitalOcean", "Droplet", ""), "DigitalOcean Droplet");
  EXPECT_EQ(label("Microsoft Corporation", "Virtual Machine", "7783-7084-3265-9085-8269-3286-77"),
            "Microsoft Azure");
  EXPECT_EQ(label("Microsoft Corporation", "Virtual Machine", ""), "");  // Hyper-V at home
  EXPECT_EQ(label("QEMU", "Standard PC", "OracleCloud.com"), "Oracle Cloud");
}

TEST_F(MadeUpHost, HypervisorsAreNamedByCpuidThenByFlag) {
  facts_.hypervisor_vendor = "Microsoft Hv";
  EXPECT_EQ(describe().hypervisor, "Hyper-V");
  facts_.hypervisor_vendor = "NewOne";
  EXPECT_EQ(describe().hypervisor, "NewOne");
  facts_.hypervisor_vendor = "";
  write("proc/cpuinfo", "flags : fpu hypervisor\n");
  EXPECT_EQ(describe().hypervisor, "unknown hypervisor");
  write("proc/cpuinfo", "flags : fpu\n");
  EXPECT_EQ(describe().hypervisor, std::nullopt);
}

// What vendors write into DMI; the flag says that there is a hypervisor, not which.
TEST_F(MadeUpHost, FirmwareNamesTheHypervisorAndTheCloud) {
  struct Row {
    std::string vendor, product, asset_tag, hypervisor;
    std::optional<std::string> label;
  };
  const std::vector<Row> rows = {
      {"Microsoft Corporation", "Virtual Machine", "7783-7084-3265-9085-8269-3286-77", "Hyper-V",
       "Microsoft Azure"},
      {"Microsoft Corporation", "Surface", "", "unknown hypervisor", std::nullopt},
      {"QEMU", "Standard PC", "OracleCloud.com", "QEMU", "Oracle Cloud"},
      {"Google", "Google Compute Engine", "", "KVM", "Google Compute Engine"},
      {"Hetzner", "vServer", "", "unknown hypervisor", "Hetzner vServer"},
      {"DigitalOcean", "Droplet", "", "unknown hypervisor", "DigitalOcean Droplet"},
      {"Alibaba Cloud", "Alibaba Cloud ECS", "", "unknown hypervisor", "Alibaba Cloud ECS"},
      {"innotek GmbH", "VirtualBox", "1", "VirtualBox", std::nullopt},
  };
  write("proc/cpuinfo", "flags : fpu hypervisor\n");
  for (const Row& row : rows) {
    write("sys/class/dmi/id/sys_vendor", row.vendor);
    write("sys/class/dmi/id/product_name", row.product);
    write("sys/class/dmi/id/chassis_asset_tag", row.asset_tag);
    EXPECT_EQ(describe().hypervisor, row.hypervisor) << row.vendor;
    EXPECT_EQ(describe().cloud_label, row.label) << row.vendor;
  }
  write("sys/hypervisor/type", "xen");
  EXPECT_EQ(describe().hypervisor, "Xen") << "the kernel knows better than firmware";
}

TEST_F(MadeUpHost, TheSystemsNameIsWithoutItsQuotes) {
  const auto os_of = [&](const std::string& value) {
    write("etc/os-release", "NAME=x\nPRETTY_NAME=" + value + "\n");
    return describe().os;
  };
  EXPECT_EQ(os_of("\"Debian 12\""), "Debian 12");
  EXPECT_EQ(os_of("'Debian 12'"), "Debian 12");
  EXPECT_EQ(os_of("Debian"), "Debian");
  EXPECT_EQ(os_of("\"torn"), "\"torn") << "not a pair";
  EXPECT_EQ(os_of("\""), "\"");
}

TEST_F(MadeUpHost, AnX86WithoutMicrocodeSaysSo) {
  facts_.isa = "x86_64";
  write("proc/cpuinfo", "model name : CPU\n");
  EXPECT_THAT(describe().missing, missing_what("microcode version"));
  write("proc/cpuinfo", "model name : CPU\nmicrocode : 0x1\n");
  EXPECT_THAT(describe().missing, Not(missing_what("microcode version")));
  EXPECT_EQ(describe().microcode, "0x1");
}

TEST_F(MadeUpHost, AnArmCpuOfHalfANameIsUnknown) {
  write("proc/cpuinfo", "CPU implementer : 0x41\n");
  EXPECT_EQ(describe().cpu_model, "unknown");
  write("proc/cpuinfo", "CPU implementer : 0x41\nCPU part : 0xd4f\n");
  EXPECT_EQ(describe().cpu_model, "Arm Neoverse V2");
}

TEST_F(MadeUpHost, AnArmGuestWithoutFirmwareIsSeenByItsBoard) {
  using std::string_literals::operator""s;
  facts_.isa = "aarch64";
  write("sys/firmware/devicetree/base/compatible", "raspberrypi,4-model-b\0brcm,bcm2711\0"s);
  EXPECT_EQ(describe().hypervisor, std::nullopt);
  write("sys/firmware/devicetree/base/compatible", "linux,dummy-virt\0"s);
  EXPECT_EQ(describe().hypervisor, "unknown hypervisor");
}

TEST_F(MadeUpHost, UnknownArmPartsShowTheirNumbers) {
  write("proc/cpuinfo", "CPU implementer : 0x99\nCPU part : 0x123\n");
  EXPECT_THAT(describe().cpu_model, HasSubstr("0x99 0x123"));
}

TEST(DescribeMachine, DescribesThisMachine) {
  const Machine machine = describe_machine();
  EXPECT_GE(machine.usable_pus(), 1);
  EXPECT_GE(machine.limits.effective_cpus, 1);
  EXPECT_LE(machine.limits.effective_cpus, machine.usable_pus());
  EXPECT_GT(machine.limits.memory_budget_bytes, 0);
  EXPECT_NE(machine.pmu_counts, testing::Value(machine.missing, missing_what("hardware counters")));
  EXPECT_TRUE(machine_from_json_text(machine_to_json_text(machine), "test") == machine);
}

}  // namespace
}  // namespace mb
