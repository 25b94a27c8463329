// Highway keeps targets as bits of a mask, the better the lower. Forcing one narrows what the CPU
// is said to support, which makes the next call of every kernel choose anew.
#include "workloads/kernels/isa.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <stdexcept>

namespace mb {
namespace {

std::vector<std::int64_t> targets_of(std::int64_t mask) {
  std::vector<std::int64_t> targets;
  for (; mask != 0; mask &= mask - 1) targets.push_back(mask & -mask);
  return targets;
}

std::vector<std::string> names_of(const std::vector<std::int64_t>& targets) {
  std::vector<std::string> names;
  for (const std::int64_t target : targets) names.emplace_back(hwy::TargetName(target));
  return names;
}

// Asked once, before anything is forced: forcing replaces what Highway says of the CPU.
const std::vector<std::int64_t>& supported_targets() {
  static const std::vector<std::int64_t> targets = [] {
    // The fallback target runs everywhere, whether or not the CPU query lists it.
    const std::int64_t fallback = HWY_TARGETS & (HWY_SCALAR | HWY_EMU128);
    return targets_of((hwy::SupportedTargets() & HWY_TARGETS) | fallback);
  }();
  return targets;
}

}  // namespace

std::string chosen_isa() {
  supported_targets();
  const std::vector<std::int64_t> now = targets_of(hwy::SupportedTargets() & HWY_TARGETS);
  return hwy::TargetName(now.empty() ? HWY_STATIC_TARGET : now.front());
}

std::vector<std::string> compiled_isas() { return names_of(targets_of(HWY_TARGETS)); }

std::vector<std::string> supported_isas() { return names_of(supported_targets()); }

ForcedIsa::ForcedIsa(std::string_view name) {
  for (const std::int64_t target : supported_targets()) {
    if (name != hwy::TargetName(target)) continue;
    hwy::SetSupportedTargetsForTest(target);
    return;
  }
  throw std::invalid_argument("instruction set " + std::string(name) +
                              " is not compiled in or not supported by this CPU");
}

ForcedIsa::~ForcedIsa() { hwy::SetSupportedTargetsForTest(0); }

}  // namespace mb
