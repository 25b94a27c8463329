// Loads a topology with everything that is online, allowed or not (installed and usable are told
// apart later), and walks its PUs once. Objects that a machine does not have (no core level in some
// guests, no L3 on many Arm chips, no package on others) are replaced by the next larger or smaller
// one, so that the partition into cores, packages, nodes and L3 domains always holds.
#include "probes/core/topology.h"

#include <fmt/format.h>
#include <hwloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>

#include "data/error.h"

namespace mb {
namespace {

struct TopologyDeleter {
  void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};
using TopologyHandle = std::unique_ptr<hwloc_topology, TopologyDeleter>;

[[noreturn]] void fail(const TopologySource& source, const char* expected, int error) {
  throw Error(ErrorCode::kFailure,
              fmt::format("topology {}: {} ({})",
                          source.text.empty() ? "of this machine" : "'" + source.text + "'",
                          expected, std::strerror(error)));
}

TopologyHandle open_topology(const TopologySource& source) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) fail(source, "hwloc cannot start", errno);
  TopologyHandle topology(raw);
  if (source.kind == TopologySource::Kind::kXmlFile &&
      hwloc_topology_set_xml(raw, source.text.c_str()) != 0) {
    fail(source, "expected a readable hwloc XML file, as lstopo writes", errno);
  }
  if (source.kind == TopologySource::Kind::kSynthetic &&
      hwloc_topology_set_synthetic(raw, source.text.c_str()) != 0) {
    fail(source, "expected an hwloc synthetic description such as 'pack:2 core:4 pu:2'", errno);
  }
  hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  if (hwloc_topology_load(raw) != 0) fail(source, "hwloc cannot load it", errno);
  return topology;
}

// Numbers objects in the order in which PUs meet them.
class Numbering {
 public:
  int number(hwloc_obj_t object) {
    return numbers_.emplace(object, static_cast<int>(numbers_.size())).first->second;
  }

 private:
  std::map<hwloc_obj_t, int> numbers_;
};

hwloc_obj_t ancestor_or(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_obj_t pu,
                        hwloc_obj_t otherwise) {
  hwloc_obj_t found = hwloc_get_ancestor_obj_by_type(topology, type, pu);
  return found != nullptr ? found : otherwise;
}

// The node nearest to a PU: the smallest that covers it. Equal ones (DRAM beside HBM or CXL memory)
// are told apart by order, in which the default memory of the PUs comes first.
int nearest_node(hwloc_topology_t topology, hwloc_obj_t pu) {
  int nearest = 0, smallest = -1;
  const int nodes = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
  for (int index = 0; index < nodes; ++index) {
    hwloc_obj_t node =
        hwloc_get_obj_by_type(topology, HWLOC_OBJ_NUMANODE, static_cast<unsigned>(index));
    if (!hwloc_bitmap_isset(node->cpuset, pu->os_index)) continue;
    const int size = hwloc_bitmap_weight(node->cpuset);
    if (smallest < 0 || size < smallest) {
      smallest = size;
      nearest = index;
    }
  }
  return nearest;
}

// hwloc ranks kinds by rising performance; ours fall, so that 0 is the fastest. Kinds that it
// cannot rank (efficiency -1) are no basis for a placement: then all cores count as one kind.
int ranked_kinds(hwloc_topology_t topology) {
  const int kinds = hwloc_cpukinds_get_nr(topology, 0);
  for (int kind = 0; kind < kinds; ++kind) {
    int efficiency = -1;
    hwloc_cpukinds_get_info(topology, static_cast<unsigned>(kind), nullptr, &efficiency, nullptr,
                            nullptr, 0);
    if (efficiency < 0) return 1;
  }
  return std::max(kinds, 1);
}

int core_kind(hwloc_topology_t topology, hwloc_obj_t pu, int kinds) {
  if (kinds == 1) return 0;
  const int kind = hwloc_cpukinds_get_by_cpuset(topology, pu->cpuset, 0);
  return kind < 0 ? kinds - 1 : kinds - 1 - kind;  // in no kind: assume nothing good
}

// Of the PUs under an object; an L3 of a hybrid serves several kinds.
int fastest_kind(hwloc_topology_t topology, hwloc_obj_t object, int kinds) {
  int fastest = kinds - 1;
  for (hwloc_obj_t pu = nullptr;
       fastest > 0 && (pu = hwloc_get_next_obj_inside_cpuset_by_type(
                           topology, object->cpuset, HWLOC_OBJ_PU, pu)) != nullptr;) {
    fastest = std::min(fastest, core_kind(topology, pu, kinds));
  }
  return fastest;
}

std::vector<std::string> kind_names(int kinds) {
  if (kinds == 1) return {"core"};
  std::vector<std::string> names(static_cast<std::size_t>(kinds), "middle");
  names.front() = "performance";
  names.back() = "efficiency";
  return names;
}

std::vector<Pu> read_pus(hwloc_topology_t topology, int kinds) {
  Numbering cores, packages, domains;
  std::map<int, int> pus_of_core;
  const hwloc_const_cpuset_t allowed = hwloc_topology_get_allowed_cpuset(topology);
  const hwloc_obj_t machine = hwloc_get_root_obj(topology);
  std::vector<Pu> pus;
  const int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
  for (int index = 0; index < count; ++index) {
    hwloc_obj_t object =
        hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, static_cast<unsigned>(index));
    hwloc_obj_t package = ancestor_or(topology, HWLOC_OBJ_PACKAGE, object, machine);
    Pu pu;
    pu.os_index = static_cast<int>(object->os_index);
    pu.core = cores.number(ancestor_or(topology, HWLOC_OBJ_CORE, object, object));
    pu.package = packages.number(package);
    pu.numa_node = nearest_node(topology, object);
    pu.l3_domain = domains.number(ancestor_or(topology, HWLOC_OBJ_L3CACHE, object, package));
    pu.smt_rank = pus_of_core[pu.core]++;
    pu.core_kind = core_kind(topology, object, kinds);
    pu.usable = hwloc_bitmap_isset(allowed, object->os_index) != 0;
    pus.push_back(pu);
  }
  return pus;
}

void count_cache(std::vector<Cache>& caches, int level, hwloc_obj_t object) {
  const auto& attributes = object->attr->cache;
  if (attributes.size == 0) return;  // hidden by the system; it still forms the domain of its PUs
  const auto bytes = static_cast<std::int64_t>(attributes.size);
  auto found = std::ranges::find_if(
      caches, [&](const Cache& cache) { return cache.level == level && cache.bytes == bytes; });
  if (found == caches.end()) {
    Cache cache{level, bytes, 0, 0, std::nullopt};
    if (attributes.linesize > 0) cache.line_bytes = static_cast<int>(attributes.linesize);
    found = caches.insert(caches.end(), cache);
  }
  ++found->instances;
  found->pus_per_instance = std::max(found->pus_per_instance, hwloc_bitmap_weight(object->cpuset));
}

// One entry per level and size, the fastest cores' first: hybrids have two sizes of L1 and L2.
std::vector<Cache> read_caches(hwloc_topology_t topology, int kinds) {
  std::vector<Cache> caches;
  for (int level = 1; level <= 5; ++level) {
    const auto type = static_cast<hwloc_obj_type_t>(HWLOC_OBJ_L1CACHE + level - 1);
    const int count = hwloc_get_nbobjs_by_type(topology, type);
    for (int kind = 0; kind < kinds; ++kind) {
      for (int index = 0; index < count; ++index) {
        hwloc_obj_t cache = hwloc_get_obj_by_type(topology, type, static_cast<unsigned>(index));
        if (fastest_kind(topology, cache, kinds) == kind) count_cache(caches, level, cache);
      }
    }
  }
  return caches;
}

std::vector<NumaNode> read_nodes(hwloc_topology_t topology) {
  std::vector<NumaNode> nodes;
  const int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
  for (int index = 0; index < count; ++index) {
    hwloc_obj_t object =
        hwloc_get_obj_by_type(topology, HWLOC_OBJ_NUMANODE, static_cast<unsigned>(index));
    NumaNode node{static_cast<int>(object->os_index), std::nullopt};
    const auto bytes = static_cast<std::int64_t>(object->attr->numanode.local_memory);
    if (bytes > 0) node.bytes = bytes;
    nodes.push_back(node);
  }
  return nodes;
}

std::string info_or_empty(hwloc_obj_t object, const char* name) {
  if (object == nullptr) return "";
  const char* value = hwloc_obj_get_info_by_name(object, name);
  return value != nullptr ? value : "";
}

}  // namespace

Topology load_topology(const TopologySource& source) {
  const TopologyHandle handle = open_topology(source);
  hwloc_topology_t topology = handle.get();
  const hwloc_obj_t machine = hwloc_get_root_obj(topology);
  const int kinds = ranked_kinds(topology);

  Topology result;
  result.pus = read_pus(topology, kinds);
  result.caches = read_caches(topology, kinds);
  result.numa_nodes = read_nodes(topology);
  result.core_kinds = kind_names(kinds);
  result.isa = info_or_empty(machine, "Architecture");
  result.cpu_model =
      info_or_empty(hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0), "CPUModel");
  if (result.cpu_model.empty()) result.cpu_model = info_or_empty(machine, "CPUModel");
  return result;
}

std::string hwloc_version() { return HWLOC_VERSION; }

}  // namespace mb
