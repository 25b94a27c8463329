// Where the caches end, and what serves a working set. A level's usable size is where the rate of
// one thread leaves the plateau that it has inside; the reported size where no plateau is seen.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "reports/model/measured.h"

namespace mb {

// All from the cache up to its size, none at twice its size: a cyclic read of more than a cache
// holds evicts its own lines before it comes back to them.
double MeasuredCurves::share_outside(const CacheLevel& cache, double threads, double bytes) const {
  const double room = cache.usable_bytes * std::min(threads, static_cast<double>(cache.instances));
  return std::clamp(std::log2(bytes / room), 0.0, 1.0);
}

Estimate MeasuredCurves::bandwidth(std::string_view page_kind, double threads, double bytes) const {
  Estimate result = dram.at(page_kind, 0, threads);
  for (auto cache = caches.rbegin(); cache != caches.rend(); ++cache) {  // farthest first
    if (!level.has(cache->name)) continue;
    const double outside = share_outside(*cache, threads, bytes);
    if (outside >= 1) continue;
    const Estimate near = level.at(cache->name, 0, threads);
    if (near.value <= result.value) continue;
    const double seconds_per_byte = (1 - outside) / near.value + outside / result.value;
    result = {1 / seconds_per_byte, std::max(near.spread, result.spread)};
  }
  return result;
}

double MeasuredCurves::near_cache_bytes(double threads) const {
  constexpr double kUsual = 1 << 20;  // of a core: Zen 4, Neoverse N1 and V1, Skylake's servers
  const auto found = std::ranges::find(caches, "L2", &CacheLevel::name);
  if (found == caches.end()) return kUsual * threads;
  return found->usable_bytes * std::min(threads, static_cast<double>(found->instances));
}

bool MeasuredCurves::loads_known(double bytes) const {
  if (load_rate.empty()) return false;
  auto caches_end = 2 * static_cast<double>(machine.last_level_cache_total_bytes());
  if (!caches.empty()) {  // a guest may be shown a cache of the host's of which it has little
    const CacheLevel& last = caches.back();
    const auto reported = static_cast<double>(machine.caches.back().bytes);
    caches_end *= last.usable_bytes_by_latency.value_or(last.usable_bytes) / reported;
  }
  return load_rate.points().back().x >= std::min(bytes, caches_end);
}

std::string_view MeasuredCurves::serving_level(std::string_view page_kind, double threads,
                                               double bytes) const {
  const double memory = dram.at(page_kind, 0, threads).value;
  for (const CacheLevel& cache : caches) {
    if (!level.has(cache.name) || share_outside(cache, threads, bytes) >= 0.5) continue;
    if (level.at(cache.name, 0, threads).value > memory) return cache.name;
  }
  return "dram";
}

namespace {

// The working set at which a rate leaves the plateau that it has at `inside` for the level beyond
// (its rate at three times the reported size): behind it a share of the accesses is served by the
// next level, and the set is no longer this one's. nullopt where no plateau and no fall are seen.
std::optional<double> plateau_end(const Curve& rates, double inside, double reported,
                                  double plateau_share) {
  const auto& points = rates.points();
  if (points.size() < 4 || points.back().x <= inside) return std::nullopt;
  const double plateau = rates.at(inside).value, beyond = rates.at(3 * reported).value;
  // Two plateaus closer than this cannot be told apart.
  constexpr double kLeastRatio = 1.15;
  if (plateau <= kLeastRatio * beyond) return std::nullopt;
  const double edge = std::max(plateau_share * plateau, beyond * std::sqrt(kLeastRatio));
  const auto left = std::find_if(points.begin(), points.end(), [&](const CurvePoint& point) {
    return point.x > inside && point.y < edge;
  });
  if (left == points.end() || left == points.begin()) return std::nullopt;
  const CurvePoint &a = *std::prev(left), &b = *left;
  const double share = std::log(edge / a.y) / std::log(b.y / a.y);
  return std::min(reported, a.x * std::pow(b.x / a.x, std::clamp(share, 0.0, 1.0)));
}

}  // namespace

void MeasuredCurves::find_cache_levels() {
  // Streams hold their rate until misses are many; single loads rise a little all along, as
  // translation costs more, so they are given more room.
  constexpr double kStreamShare = 0.85, kLoadShare = 2.0 / 3;
  double nearer = 0;  // bytes of the level before
  for (const Cache& cache : machine.caches) {
    if (cache.bytes <= 0) continue;
    const auto reported = static_cast<double>(cache.bytes);
    if (cache.level == 1) {
      nearer = reported;
      continue;
    }
    CacheLevel found{fmt::format("L{}", cache.level), reported, false, {}, 1};
    const int reach = cache.level == 2 ? machine.usable_cores() : machine.usable_l3_domains();
    found.instances = std::clamp(reach, 1, std::max(1, cache.instances));
    const double inside = std::min(3 * std::max(nearer, 32.0 * 1024), reported / 2);
    if (const auto end = plateau_end(working_set, inside, reported, kStreamShare)) {
      found.usable_bytes = *end;
      found.measured = true;
    }
    found.usable_bytes_by_latency = plateau_end(load_rate, inside, reported, kLoadShare);
    nearer = reported;
    caches.push_back(found);
  }
}

}  // namespace mb
