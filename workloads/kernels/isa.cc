// Highway keeps targets as bits of a mask, the better the lower. Forcing one narrows what the CPU
// is said to support, which makes the next call of every kernel choose anew.
#include "workloads/kernels/isa.h"

#include <atomic>
#include <stdexcept>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/isa.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>
#include <hwy/targets.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {

std::int64_t target_here() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(target_here);

namespace {

std::atomic<bool> allowed_now{true};

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

// By the dispatch table: hwy::SupportedTargets() runs CPUID, which costs 15 us in a virtual
// machine.
std::int64_t chosen_target() { return HWY_DYNAMIC_DISPATCH(target_here)(); }

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

void allow_intrinsics(bool allowed) { allowed_now.store(allowed, std::memory_order_relaxed); }
bool intrinsics_allowed() { return allowed_now.load(std::memory_order_relaxed); }

}  // namespace mb
#endif  // HWY_ONCE
