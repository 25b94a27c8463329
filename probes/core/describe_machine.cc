// One small reader per fact. A name that the source does not carry is looked up from published
// tables (hypervisor signatures, Arm part numbers, cloud vendors' DMI strings); what stays unknown
// is left empty and, where it matters to a measurement, listed as missing.
#include "probes/core/describe_machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "data/error.h"
#include "probes/core/counters.h"
#include "probes/core/host_text.h"

namespace mb {
namespace {

constexpr std::string_view kThpFolder = "/sys/kernel/mm/transparent_hugepage/";
constexpr std::string_view kHugetlbFolder = "/sys/kernel/mm/hugepages/";

using Pair = std::pair<std::string_view, std::string_view>;

std::string_view look_up(const auto& table, std::string_view key) {
  const auto found = std::ranges::find(table, key, &Pair::first);
  return found == table.end() ? std::string_view{} : found->second;
}

std::string file_line(const HostFiles& files, std::string_view path) {
  return printable(files.read(path).value_or(""));
}

// ---- processor

// The instruction sets that decide which kernels an engine runs; the rest of a hundred flags is
// noise.
std::vector<std::string> cpu_features(std::string_view cpuinfo) {
  static constexpr std::array<std::string_view, 28> kThatMatter = {
      "avx",         "avx2",        "fma",      "f16c",        "avx_vnni",   "avx512f",
      "avx512bw",    "avx512dq",    "avx512vl", "avx512_vbmi", "avx512vbmi", "avx512_vnni",
      "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8",    "amx_bf16",   "amx_fp16",
      "asimd",       "asimddp",     "asimdhp",  "i8mm",        "bf16",       "sve",
      "sve2",        "svei8mm",     "svebf16",  "sme"};
  auto flags = value_of(cpuinfo, "flags", ':');            // x86
  if (!flags) flags = value_of(cpuinfo, "Features", ':');  // Arm
  const auto words = split_words(flags.value_or(""));
  const std::set<std::string_view> present(words.begin(), words.end());
  std::vector<std::string> features;
  for (const std::string_view feature : kThatMatter) {
    if (present.count(feature) != 0) features.emplace_back(feature);
  }
  return features;
}

// Arm's /proc/cpuinfo has numbers only; parts as in the kernel's arch/arm64/include/asm/cputype.h.
std::string arm_model(std::string_view cpuinfo) {
  static constexpr std::array<Pair, 18> kParts = {{
      {"0x41 0xd03", "Arm Cortex-A53"},
      {"0x41 0xd05", "Arm Cortex-A55"},
      {"0x41 0xd08", "Arm Cortex-A72"},
      {"0x41 0xd0b", "Arm Cortex-A76"},
      {"0x41 0xd0c", "Arm Neoverse N1"},
      {"0x41 0xd40", "Arm Neoverse V1"},
      {"0x41 0xd41", "Arm Cortex-A78"},
      {"0x41 0xd44", "Arm Cortex-X1"},
      {"0x41 0xd49", "Arm Neoverse N2"},
      {"0x41 0xd4f", "Arm Neoverse V2"},
      {"0x41 0xd83", "Arm Neoverse V3AE"},
      {"0x41 0xd84", "Arm Neoverse V3"},
      {"0x41 0xd8e", "Arm Neoverse N3"},
      {"0x46 0x001", "Fujitsu A64FX"},
      {"0x48 0xd01", "HiSilicon TSV110"},
      {"0x51 0x001", "Qualcomm Oryon"},
      {"0xc0 0xac3", "Ampere-1"},
      {"0xc0 0xac4", "Ampere-1a"},
  }};
  const auto implementer = value_of(cpuinfo, "CPU implementer", ':');
  const auto part = value_of(cpuinfo, "CPU part", ':');
  if (!implementer || !part) return "";
  const std::string key = printable(*implementer) + " " + printable(*part);
  const std::string_view name = look_up(kParts, key);
  return name.empty() ? "Arm implementer and part " + key : std::string(name);
}

std::string cpu_model(const Topology& topology, std::string_view cpuinfo) {
  if (!topology.cpu_model.empty()) return printable(topology.cpu_model);
  if (const auto name = value_of(cpuinfo, "model name", ':')) return printable(*name);
  const std::string arm = arm_model(cpuinfo);
  return arm.empty() ? "unknown" : arm;
}

// ---- host

struct Dmi {
  std::string vendor, product, asset_tag;
};

Dmi read_dmi(const HostFiles& files) {
  return {file_line(files, "/sys/class/dmi/id/sys_vendor"),
          file_line(files, "/sys/class/dmi/id/product_name"),
          file_line(files, "/sys/class/dmi/id/chassis_asset_tag")};
}

// Signatures of CPUID leaf 0x40000000, as each hypervisor's interface document gives them.
std::optional<std::string> hypervisor_by_cpuid(const std::string& vendor) {
  static constexpr std::array<Pair, 8> kSignatures = {{
      {"KVMKVMKVM", "KVM"},
      {"Linux KVM Hv", "KVM"},
      {"Microsoft Hv", "Hyper-V"},
      {"VMwareVMware", "VMware"},
      {"XenVMMXenVMM", "Xen"},
      {"TCGTCGTCGTCG", "QEMU TCG"},
      {"bhyve bhyve", "bhyve"},
      {"ACRNACRNACRN", "ACRN"},
  }};
  if (vendor.empty()) return std::nullopt;
  const std::string_view name = look_up(kSignatures, vendor);
  return name.empty() ? vendor : std::string(name);
}

std::optional<std::string> hypervisor_by_dmi(const Dmi& dmi) {
  static constexpr std::array<Pair, 5> kVendors = {{{"QEMU", "QEMU"},
                                                    {"VMware, Inc.", "VMware"},
                                                    {"innotek GmbH", "VirtualBox"},
                                                    {"Google", "KVM"},
                                                    {"Xen", "Xen"}}};
  if (dmi.vendor == "Microsoft Corporation" && dmi.product == "Virtual Machine") return "Hyper-V";
  if (dmi.vendor == "Amazon EC2" && dmi.product.find(".metal") == std::string::npos) return "Nitro";
  const std::string_view name = look_up(kVendors, dmi.vendor);
  return name.empty() ? std::nullopt : std::optional(std::string(name));
}

std::optional<std::string> hypervisor(const HostFiles& files, const SystemFacts& facts,
                                      std::string_view cpuinfo, const Dmi& dmi) {
  if (auto name = hypervisor_by_cpuid(facts.hypervisor_vendor)) return name;
  if (file_line(files, "/sys/hypervisor/type") == "xen") return "Xen";
  const auto flags = value_of(cpuinfo, "flags", ':');  // x86 only: elsewhere no flag tells
  const auto words = split_words(flags.value_or(""));
  const bool flagged = std::find(words.begin(), words.end(), "hypervisor") != words.end();
  if (flags && !flagged) return std::nullopt;
  const auto name = hypervisor_by_dmi(dmi);
  // Arm guests that start without firmware have no DMI; QEMU, Firecracker and kvmtool all call
  // their board so.
  const std::string board = files.read("/sys/firmware/devicetree/base/compatible").value_or("");
  const bool virtual_board = board.find("linux,dummy-virt") != std::string::npos;
  return name || !(flagged || virtual_board) ? name : "unknown hypervisor";
}

// What cloud vendors write into DMI. Only EC2 names the instance type there.
std::optional<std::string> cloud_label(const Dmi& dmi) {
  static constexpr std::array<Pair, 2> kAssetTags = {{
      {"7783-7084-3265-9085-8269-3286-77", "Microsoft Azure"},  // documented by Azure
      {"OracleCloud.com", "Oracle Cloud"},
  }};
  if (dmi.vendor == "Amazon EC2" || dmi.vendor == "Alibaba Cloud") return dmi.product;
  if (dmi.product == "Google Compute Engine") return dmi.product;
  if (dmi.vendor == "Hetzner" || dmi.vendor == "DigitalOcean") {
    return dmi.vendor + " " + dmi.product;
  }
  const std::string_view tagged = look_up(kAssetTags, dmi.asset_tag);
  return tagged.empty() ? std::nullopt : std::optional(std::string(tagged));
}

std::string os_name(const HostFiles& files) {
  auto text = files.read("/etc/os-release");
  if (!text) text = files.read("/usr/lib/os-release");
  if (!text) return "unknown";
  std::string_view name = value_of(*text, "PRETTY_NAME", '=').value_or("unknown");
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
      name.back() == name.front()) {
    name = name.substr(1, name.size() - 2);
  }
  return printable(name);
}

// ---- memory

// "always [madvise] never" -> "madvise"
std::string chosen_mode(const HostFiles& files, const std::string& path) {
  const std::string text = file_line(files, path);
  const std::size_t open = text.find('['), close = text.find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return "unknown";
  return text.substr(open + 1, close - open - 1);
}

// Free pages that are not already promised to a mapping: what mmap can still get.
std::map<std::string, std::int64_t> hugetlb_free_pages(const HostFiles& files) {
  std::map<std::string, std::int64_t> pools;
  constexpr std::string_view kPrefix = "hugepages-";
  for (const std::string& name : files.list(kHugetlbFolder)) {
    if (name.rfind(kPrefix, 0) != 0) continue;
    const std::string folder = std::string(kHugetlbFolder) + name;
    const auto free = parse_number(files.read(folder + "/free_hugepages").value_or(""));
    const auto reserved = parse_number(files.read(folder + "/resv_hugepages").value_or("0"));
    if (free) {
      pools[name.substr(kPrefix.size())] = std::max<std::int64_t>(*free - reserved.value_or(0), 0);
    }
  }
  return pools;
}

// A guest that is handed its memory on demand shows only what it has touched as its node's memory;
// with one node the system's total is the node's.
void complete_single_node(Machine& machine) {
  if (machine.numa_nodes.size() != 1 || machine.limits.memory_total_bytes == 0) return;
  auto& bytes = machine.numa_nodes.front().bytes;
  bytes = std::max(bytes.value_or(0), machine.limits.memory_total_bytes);
}

// ---- what is not there

void list_missing_memory(const HostFiles& files, Machine& machine) {
  auto& missing = machine.missing;
  if (machine.thp_mode == "never") {
    missing.push_back({"transparent huge pages", std::string(kThpFolder) + "enabled is 'never'",
                       "echo madvise | sudo tee " + std::string(kThpFolder) + "enabled"});
  } else if (machine.thp_mode == "unknown") {
    missing.push_back({"transparent huge pages",
                       "the kernel shows no " + std::string(kThpFolder) + "enabled",
                       "none on this kernel; 4 KiB pages are measured"});
  }
  const bool any_hugetlb =
      std::any_of(machine.hugetlb_free_pages.begin(), machine.hugetlb_free_pages.end(),
                  [](const auto& pool) { return pool.second > 0; });
  if (machine.hugetlb_free_pages.empty()) {
    missing.push_back({"hugetlb pages", "the kernel shows no pools under /sys/kernel/mm/hugepages",
                       "none on this kernel; transparent huge pages are measured instead"});
  } else if (!any_hugetlb) {
    const std::string pool = files.exists(std::string(kHugetlbFolder) + "hugepages-2048kB")
                                 ? "2048kB"
                                 : machine.hugetlb_free_pages.begin()->first;
    missing.push_back(
        {"hugetlb pages", "no pool has free pages",
         fmt::format("echo 512 | sudo tee {}hugepages-{}/nr_hugepages", kHugetlbFolder, pool)});
  }
}

// Threads are placed on nodes that have CPUs, and what they touch first is memory of those.
void list_missing_nodes(Machine& machine) {
  std::set<std::size_t> with_cpus;
  for (const Pu& pu : machine.pus) with_cpus.insert(static_cast<std::size_t>(pu.numa_node));
  std::vector<std::string> without;
  for (std::size_t index = 0; index < machine.numa_nodes.size(); ++index) {
    if (with_cpus.contains(index)) continue;
    const NumaNode& node = machine.numa_nodes[index];
    without.push_back(fmt::format("{}", node.os_index));
    if (node.bytes) {
      const double gib = static_cast<double>(*node.bytes) / (1 << 30);
      without.back() += fmt::format(" ({:.{}f} GiB)", gib, gib < 10 ? 1 : 0);
    }
  }
  if (!without.empty()) {
    machine.missing.push_back(
        {"memory of nodes without CPUs",
         fmt::format("NUMA node {} has no CPUs (CXL or high-bandwidth memory): no thread is placed "
                     "there and no first touch lands there while nearer memory is free",
                     fmt::join(without, ", ")),
         "none needed; numactl --membind puts an engine's memory there"});
  }
  if (with_cpus.size() < 2) {
    machine.missing.push_back({"NUMA comparison",
                               without.empty() ? "the machine shows one NUMA node"
                                               : "the machine shows one NUMA node with CPUs",
                               "none needed; a VM may hide its host's nodes"});
  }
}

void list_missing_processor(Machine& machine) {
  auto& missing = machine.missing;
  if (machine.caches.empty()) {
    missing.push_back({"cache sizes", "the system reports no cache sizes (common in Arm guests)",
                       "none needed; the levels are measured from working sets"});
  }
  if (!machine.governor) {
    missing.push_back({"frequency governor",
                       machine.hypervisor ? "a guest does not see its host's frequency control"
                                          : "the kernel shows no cpufreq driver",
                       machine.hypervisor ? "none from inside the guest"
                                          : "load the processor's cpufreq driver"});
  }
  if (!machine.microcode && machine.isa == "x86_64") {
    missing.push_back(
        {"microcode version", "/proc/cpuinfo shows none", "none needed; it is only recorded"});
  }
}

// Usable is what the topology and our limits both allow.
void mark_usable(Machine& machine, const std::vector<int>& usable_cpus) {
  for (Pu& pu : machine.pus) {
    pu.usable = std::binary_search(usable_cpus.begin(), usable_cpus.end(), pu.os_index);
  }
  if (machine.usable_pus() == 0) {
    throw Error(ErrorCode::kNotAvailable,
                "CPU affinity: expected at least one online CPU of this machine in the mask, found "
                "none; widen it with taskset or the container's cpuset");
  }
}

}  // namespace

Machine describe_machine() {
  const SystemFacts facts = read_system_facts();
  Machine machine = describe_machine(HostFiles(), facts, TopologySource{});
  Missing why;
  machine.pmu_counts = pmu_counts(&why);
  if (!machine.pmu_counts) machine.missing.push_back(why);
  machine.counter_truth = truth_table(*papi_event_counter(), HostFiles());
  return machine;
}

Machine describe_machine(const HostFiles& files, const SystemFacts& facts,
                         const TopologySource& source) {
  Topology topology = load_topology(source);
  std::vector<int> installed;
  for (const Pu& pu : topology.pus) installed.push_back(pu.os_index);
  LimitsReading limits = read_limits(files, facts, installed);

  Machine machine;
  const std::string cpuinfo = files.read("/proc/cpuinfo").value_or("");
  const Dmi dmi = read_dmi(files);
  machine.cpu_model = cpu_model(topology, cpuinfo);
  machine.isa = facts.isa.empty() ? topology.isa : facts.isa;
  machine.cpu_features = cpu_features(cpuinfo);
  machine.pus = std::move(topology.pus);
  machine.caches = std::move(topology.caches);
  machine.numa_nodes = std::move(topology.numa_nodes);
  machine.core_kinds = std::move(topology.core_kinds);
  machine.limits = limits.limits;
  machine.missing = std::move(limits.missing);
  mark_usable(machine, limits.usable_cpus);
  complete_single_node(machine);

  machine.os = os_name(files);
  machine.kernel = facts.kernel_release;
  machine.hypervisor = hypervisor(files, facts, cpuinfo, dmi);
  if (const auto microcode = value_of(cpuinfo, "microcode", ':')) {
    machine.microcode = printable(*microcode);
  }
  machine.cloud_label = cloud_label(dmi);
  const std::string governor =
      file_line(files, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (!governor.empty()) machine.governor = governor;
  machine.thp_mode = chosen_mode(files, std::string(kThpFolder) + "enabled");
  machine.shmem_thp_mode = chosen_mode(files, std::string(kThpFolder) + "shmem_enabled");
  machine.hugetlb_free_pages = hugetlb_free_pages(files);
  list_missing_processor(machine);
  list_missing_memory(files, machine);
  list_missing_nodes(machine);
  return machine;
}

}  // namespace mb
