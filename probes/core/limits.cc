// Each limit file is read to one of three results: a limit, no limit, or not understood; the last
// is reported and then treated as no limit, because guessing a smaller machine would be as wrong as
// guessing a larger one, and a person must see it.
#include "probes/core/limits.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "probes/core/cgroups.h"
#include "probes/core/host_text.h"

namespace mb {
namespace {

constexpr int kMostCpus = 1 << 16;        // above any kernel's NR_CPUS (8192): a typing error
constexpr long kTmpfsMagic = 0x01021994;  // linux/magic.h
constexpr std::int64_t kDefaultPeriodUs =
    100'000;  // cgroup-v2.rst: cpu.max defaults to "max 100000"
// v1 prints the largest page count (about 2^63) for "no limit"; nothing real comes near 2^60.
constexpr std::int64_t kUnlimitedBytes = std::int64_t{1} << 60;

std::vector<int> current_affinity() {
  for (int cpus = 1024; cpus <= kMostCpus; cpus *= 2) {  // EINVAL: the kernel's mask is larger
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpus));
    const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    std::vector<int> result;
    const int status = sched_getaffinity(0, size, set);
    const int error = errno;
    for (int cpu = 0; status == 0 && cpu < cpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), size, set)) result.push_back(cpu);
    }
    CPU_FREE(set);
    if (status == 0) return result;
    if (error != EINVAL) break;
  }
  return {};
}

std::optional<std::int64_t> soft_limit(__rlimit_resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_cur, INT64_MAX));
}

std::optional<std::int64_t> smaller(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

std::string cpuid_hypervisor_vendor() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kHypervisorBit = 1u << 31;  // CPUID.1:ECX, reserved for hypervisors to set
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & kHypervisorBit) == 0) return "";
  __cpuid(0x40000000, eax, ebx, ecx, edx);
  char vendor[13] = {};
  std::memcpy(vendor, &ebx, 4);
  std::memcpy(vendor + 4, &ecx, 4);
  std::memcpy(vendor + 8, &edx, 4);
  return printable(vendor);
#else
  return "";
#endif
}

// One cgroup's CPU quota.
struct Quota {
  std::optional<double> cpus;
  std::string file;       // which was read, without its folder
  std::string malformed;  // what it said when it could not be understood
};

Quota make_quota(std::string file, std::optional<std::int64_t> quota_us,
                 std::optional<std::int64_t> period_us, std::string said) {
  if (!quota_us || !period_us || *quota_us <= 0 || *period_us <= 0) {
    return {std::nullopt, std::move(file), std::move(said)};
  }
  return {static_cast<double>(*quota_us) / static_cast<double>(*period_us), std::move(file), ""};
}

std::optional<Quota> read_quota(const HostFiles& files, const CgroupFolder& folder) {
  if (folder.version == 2) {
    const auto text = files.read(folder.path + "/cpu.max");
    if (!text) return std::nullopt;
    const auto words = split_words(*text);
    if ((words.size() == 1 || words.size() == 2) && words[0] == "max") return std::nullopt;
    if (words.empty() || words.size() > 2) return Quota{{}, "cpu.max", printable(*text)};
    return make_quota("cpu.max", parse_number(words[0]),
                      words.size() == 2 ? parse_number(words[1]) : kDefaultPeriodUs,
                      printable(*text));
  }
  const auto quota = files.read(folder.path + "/cpu.cfs_quota_us");
  if (!quota || parse_number(*quota) == -1) return std::nullopt;
  const auto period = files.read(folder.path + "/cpu.cfs_period_us");
  return make_quota("cpu.cfs_quota_us", parse_number(*quota), parse_number(period.value_or("")),
                    printable(*quota) + " of period " + printable(period.value_or("(no file)")));
}

void read_quotas(const HostFiles& files, LimitsReading& reading) {
  for (const CgroupFolder& folder : cgroup_chain(files, "cpu")) {
    const auto quota = read_quota(files, folder);
    if (!quota) continue;
    if (!quota->cpus) {
      reading.missing.push_back(
          {"CPU quota of cgroup " + printable(folder.name),
           fmt::format("{}/{} says '{}'; expected a quota and a period in microseconds",
                       printable(folder.path), quota->file, quota->malformed),
           "it was ignored; check who writes this cgroup's limits"});
    } else if (!reading.limits.quota_cpus || *quota->cpus < *reading.limits.quota_cpus) {
      reading.limits.quota_cpus = quota->cpus;
      reading.limits.quota_source =
          fmt::format("cgroup v{} {}{}{}", folder.version, printable(folder.name),
                      folder.name == "/" ? "" : "/", quota->file);
    }
  }
}

// Room under one cgroup's limit. Page cache that has not been used lately is given back on demand,
// so it does not count as use (v1 has the hierarchy's figure under total_).
std::optional<std::int64_t> memory_room(const HostFiles& files, const CgroupFolder& folder,
                                        std::vector<Missing>& missing) {
  const bool v2 = folder.version == 2;
  std::optional<std::int64_t> limit;
  // memory.high does not kill, but a process above it is slowed down at every allocation.
  for (const char* name : {"memory.limit_in_bytes", "memory.max", "memory.high"}) {
    const auto text = files.read(folder.path + "/" + name);
    if (!text || trim(*text) == "max" || trim(*text) == "-1") continue;
    const auto bytes = parse_number(*text);
    if (!bytes || *bytes < 0) {
      missing.push_back({"memory limit of cgroup " + printable(folder.name),
                         fmt::format("{}/{} says '{}'; expected bytes or 'max'",
                                     printable(folder.path), name, printable(*text)),
                         "it was ignored; check who writes this cgroup's limits"});
    } else if (*bytes < kUnlimitedBytes) {
      limit = smaller(limit, bytes);
    }
  }
  if (!limit) return std::nullopt;
  const auto used =
      files.read(folder.path + (v2 ? "/memory.current" : "/memory.usage_in_bytes")).value_or("");
  const std::string stat = files.read(folder.path + "/memory.stat").value_or("");
  const auto cache = value_of(stat, v2 ? "inactive_file" : "total_inactive_file", ' ');
  const std::int64_t needed =
      parse_number(used).value_or(0) - parse_number(cache.value_or("")).value_or(0);
  return std::max<std::int64_t>(*limit - std::max<std::int64_t>(needed, 0), 0);
}

std::optional<std::int64_t> meminfo_bytes(const std::string& meminfo, std::string_view key) {
  const auto words = split_words(value_of(meminfo, key, ':').value_or(""));
  if (words.empty()) return std::nullopt;
  const auto kib = parse_number(words[0]);
  if (!kib || *kib < 0 || *kib > kUnlimitedBytes / 1024) return std::nullopt;
  return *kib * 1024;
}

void read_memory(const HostFiles& files, const SystemFacts& facts, LimitsReading& reading) {
  Limits& limits = reading.limits;
  const std::string meminfo = files.read("/proc/meminfo").value_or("");
  const auto available = meminfo_bytes(meminfo, "MemAvailable");
  limits.memory_total_bytes = meminfo_bytes(meminfo, "MemTotal").value_or(0);
  // Kernels before 3.14 and some containers have no MemAvailable; free memory is the safe floor.
  limits.memory_available_bytes = available.value_or(meminfo_bytes(meminfo, "MemFree").value_or(0));
  if (limits.memory_available_bytes == 0) {
    reading.missing.push_back({"available memory",
                               "/proc/meminfo has neither MemAvailable nor MemFree",
                               "mount /proc; no buffer is planned without it"});
  }
  for (const CgroupFolder& folder : cgroup_chain(files, "memory")) {
    limits.memory_limit_bytes =
        smaller(limits.memory_limit_bytes, memory_room(files, folder, reading.missing));
  }
  limits.address_space_bytes = facts.address_space_bytes;
  limits.memory_budget_bytes =
      *smaller(limits.memory_available_bytes,
               smaller(limits.memory_limit_bytes, limits.address_space_bytes));
  limits.shm_total_bytes = facts.shm_total_bytes;
  limits.shm_free_bytes = facts.shm_free_bytes;
}

// The CPUs of the nearest group that names any; nullopt without cpusets.
std::optional<std::vector<int>> read_cpuset(const HostFiles& files, LimitsReading& reading) {
  for (const CgroupFolder& folder : cgroup_chain(files, "cpuset")) {
    for (const char* name : {"cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"}) {
      const auto text = files.read(folder.path + "/" + name);
      if (!text || trim(*text).empty()) continue;
      if (auto cpus = parse_cpu_list(*text)) return cpus;
      reading.missing.push_back({"cpuset of cgroup " + printable(folder.name),
                                 fmt::format("{}/{} says '{}'; expected a CPU list such as 0-3,8",
                                             printable(folder.path), name, printable(*text)),
                                 "it was ignored; the affinity mask still holds"});
    }
  }
  return std::nullopt;
}

std::vector<int> intersection(const std::vector<int>& a, const std::vector<int>& b) {
  std::vector<int> result;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
  return result;
}

std::vector<int> sorted(std::vector<int> cpus) {
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

}  // namespace

SystemFacts read_system_facts() {
  SystemFacts facts;
  facts.affinity = current_affinity();
  facts.address_space_bytes = smaller(soft_limit(RLIMIT_AS), soft_limit(RLIMIT_DATA));
  struct statfs shm {};
  if (statfs("/dev/shm", &shm) == 0 && shm.f_type == kTmpfsMagic) {
    const auto block_bytes = static_cast<std::int64_t>(shm.f_bsize);
    facts.shm_total_bytes = static_cast<std::int64_t>(shm.f_blocks) * block_bytes;
    facts.shm_free_bytes = static_cast<std::int64_t>(shm.f_bavail) * block_bytes;
  }
  utsname names{};
  if (uname(&names) == 0) {
    facts.kernel_release = printable(names.release);
    facts.isa = printable(names.machine);
  }
  facts.hypervisor_vendor = cpuid_hypervisor_vendor();
  return facts;
}

LimitsReading read_limits(const HostFiles& files, const SystemFacts& facts,
                          const std::vector<int>& installed) {
  LimitsReading reading;
  Limits& limits = reading.limits;
  const std::vector<int> online = sorted(installed);
  // An unreadable mask restricts nothing: the kernel will still refuse what is not allowed.
  reading.usable_cpus =
      facts.affinity.empty() ? online : intersection(online, sorted(facts.affinity));
  if (const auto cpuset = read_cpuset(files, reading)) {
    const auto both = intersection(reading.usable_cpus, *cpuset);
    if (!both.empty()) reading.usable_cpus = both;  // else the file is not about us
  }
  limits.installed_cpus = static_cast<int>(online.size());
  limits.affinity_cpus = static_cast<int>(reading.usable_cpus.size());
  limits.effective_cpus = std::max(limits.affinity_cpus, 1);
  limits.limited_by = limits.affinity_cpus < limits.installed_cpus ? "affinity" : "installed";

  read_quotas(files, reading);
  if (limits.quota_cpus && *limits.quota_cpus < limits.effective_cpus) {
    limits.effective_cpus = std::max(static_cast<int>(std::floor(*limits.quota_cpus)), 1);
    limits.limited_by = "quota";
  }
  read_memory(files, facts, reading);
  return reading;
}

std::optional<std::vector<int>> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  text = trim(text);
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t dash = part.find('-');
    const auto first = parse_number(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(part.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last >= kMostCpus) return std::nullopt;
    for (std::int64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return std::nullopt;  // a comma with nothing behind it
  }
  return sorted(std::move(cpus));
}

}  // namespace mb
