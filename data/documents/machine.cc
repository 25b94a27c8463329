// Derived facts of a machine, all counted over usable PUs.
#include "data/documents/machine.h"

#include <algorithm>
#include <set>

namespace mb {
namespace {

int distinct(const Machine& machine, int Pu::*member) {
  std::set<int> seen;
  for (const Pu& pu : machine.pus) {
    if (pu.usable) seen.insert(pu.*member);
  }
  return static_cast<int>(seen.size());
}

}  // namespace

int Machine::usable_pus() const {
  return static_cast<int>(std::ranges::count(pus, true, &Pu::usable));
}
int Machine::usable_cores() const { return distinct(*this, &Pu::core); }
int Machine::usable_packages() const { return distinct(*this, &Pu::package); }
int Machine::usable_l3_domains() const { return distinct(*this, &Pu::l3_domain); }
int Machine::usable_numa_nodes() const { return distinct(*this, &Pu::numa_node); }
bool Machine::has_smt() const { return usable_pus() > usable_cores(); }
bool Machine::has_hybrid_cores() const { return distinct(*this, &Pu::core_kind) > 1; }

std::optional<std::int64_t> Machine::cache_bytes(int level) const {
  const auto found = std::ranges::find(caches, level, &Cache::level);
  return found == caches.end() ? std::nullopt : std::optional(found->bytes);
}

std::int64_t Machine::last_level_cache_total_bytes() const {
  const auto last = std::ranges::max_element(caches, {}, &Cache::level);
  if (last == caches.end()) return 0;
  // One instance per usable L3 domain where the last level is shared; private caches (small Arm
  // cores without L3) count once per usable core.
  const int reachable = last->level >= 3 ? usable_l3_domains() : usable_cores();
  const int instances = std::clamp(reachable, 1, std::max(1, last->instances));
  std::int64_t total = last->bytes * instances;
  for (const Cache& cache : caches) total = std::max(total, cache.bytes);
  return total;
}

}  // namespace mb
