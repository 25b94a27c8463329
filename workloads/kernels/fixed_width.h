// Included before Highway by the kernels that keep vectors in arrays (register blocks): C++ allows
// that only for vectors of a fixed size, so the scalable targets are left out and such a kernel
// runs on NEON where others run on SVE. Macros expand late, so the names need not be known here.
// What the build leaves out besides (HIGHWAY_WITHOUT) stays left out.
#pragma once
#ifdef HWY_DISABLED_TARGETS
#undef HWY_DISABLED_TARGETS
#else
#define MB_WITHOUT_TARGETS 0
#endif
#define HWY_DISABLED_TARGETS \
  (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | MB_WITHOUT_TARGETS)
