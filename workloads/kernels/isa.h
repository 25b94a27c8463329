// Which instruction set the kernels run on. Every kernel is compiled for several Highway targets
// and dispatched at run time to the best one that this CPU supports; a result names it (notes
// "isa").
//
// Names are Highway's: AVX3 (AVX-512), AVX2, SSE4, SSSE3, SVE2, SVE, NEON, SCALAR ...
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

std::string chosen_isa();                   // what a kernel called now runs on
std::vector<std::string> compiled_isas();   // in this build, best first
std::vector<std::string> supported_isas();  // compiled in and supported by this CPU, best first

// While it lives, kernels run on the named target; one at a time, and no kernel may be running when
// it comes or goes. Throws std::invalid_argument for a name that supported_isas() does not list.
class ForcedIsa {
 public:
  explicit ForcedIsa(std::string_view name);
  ~ForcedIsa();
  ForcedIsa(const ForcedIsa&) = delete;
  ForcedIsa& operator=(const ForcedIsa&) = delete;
};

// Files of intrinsics do what Highway 1.0.3 does not offer (products of bytes and of bf16). Each is
// used where the target chosen now implies its vector size, so that forcing an older instruction
// set forces its kernel too. kNone where there are none, or while they are left out.
enum class IntrinsicsClass { kNone, kAvx2, kAvx512, kNeon };
IntrinsicsClass intrinsics_class();
// To run on Highway's target alone (an experiment's axis, and how tests reach it).
void allow_intrinsics(bool allowed);

}  // namespace mb
