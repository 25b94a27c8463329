// Asked through the dispatch table, and of the targets of fixed size, which the kernels with such
// files are compiled for: hwy::SupportedTargets() runs CPUID, which costs 15 us in a virtual
// machine.
#include <atomic>

#include "workloads/kernels/fixed_width.h"
#include "workloads/kernels/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/intrinsics.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {

IntrinsicsClass class_here() {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  return IntrinsicsClass::kNone;
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  // The better a target the lower its number: later versions know several beyond plain AVX-512.
  return IntrinsicsClass::kAvx512;
#elif HWY_ARCH_X86 && HWY_TARGET == HWY_AVX2
  return IntrinsicsClass::kAvx2;
#elif HWY_ARCH_ARM_A64
  return IntrinsicsClass::kNeon;
#else
  return IntrinsicsClass::kNone;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(class_here);

namespace {

std::atomic<bool> allowed_now{true};

}  // namespace

void allow_intrinsics(bool allowed) { allowed_now.store(allowed, std::memory_order_relaxed); }

IntrinsicsClass intrinsics_class() {
  return allowed_now.load(std::memory_order_relaxed) ? HWY_DYNAMIC_DISPATCH(class_here)()
                                                     : IntrinsicsClass::kNone;
}

}  // namespace mb
#endif  // HWY_ONCE
