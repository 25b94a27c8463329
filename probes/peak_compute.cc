// What the arithmetic units can do, one core and all: the ceilings of matmul.
//   registers  chains of the widest instruction for the type, no memory at all: f32 multiply-adds,
//              bf16 dot products, int8 products
//   onednn     the library's product of matrices that stay in the L2, where this build has it (of
//              f32 on Arm BLIS, as the note `library` says); with units that loops of vectors do
//              not reach (AMX); with `rows` its product of so many rows with a layer's weights, as
//              a prompt has it
// FLOP/s of all threads; a product and a sum are two, int8 likewise.
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "data/error.h"
#include "probes/compute_case.h"
#include "probes/core/probe.h"
#include "workloads/dense_matmul.h"

namespace mb {
namespace {

class LibraryCase final : public Case {
 public:
  LibraryCase(PinnedTeam& team, DensePeak::Type type, DensePeak::Shape shape) : team_(team) {
    quantity = "throughput";
    unit = Unit::kFlopsPerSecond;
    amount_per_iteration = shape.flops() * team.size();
    notes["library"] = DensePeak::library(type);
    products_.resize(static_cast<std::size_t>(team.size()));
    team.run([&](int rank) {  // which puts them on its node
      products_[static_cast<std::size_t>(rank)] = std::make_unique<DensePeak>(type, shape);
    });
  }

  double seconds(std::uint64_t iterations) override {
    return team_.timed([this, iterations](int rank) {
      DensePeak& mine = *products_[static_cast<std::size_t>(rank)];
      for (std::uint64_t i = 0; i < iterations; ++i) mine.multiply();
    });
  }

  void check() override {
    for (const auto& product : products_) {
      if (product->is_right()) continue;
      throw Error(ErrorCode::kFailure,
                  "a product of ones is wrong; this CPU or the library does not compute reliably");
    }
  }

 private:
  PinnedTeam& team_;
  std::vector<std::unique_ptr<DensePeak>> products_;
};

std::unique_ptr<Case> on_registers(const std::string& type, PinnedTeam& team) {
  if (type == "f32") return std::make_unique<ComputeCase>(team);
  if (type == "bf16") {
    const Bf16Peak peak = bf16_peak();
    if (peak.run == nullptr) {
      throw Error(ErrorCode::kNotAvailable,
                  "this CPU has no bf16 instruction for vectors; matmul widens to f32");
    }
    return std::make_unique<Bf16Case>(team, peak);
  }
  const PanelPeak peak = panel_peak();
  if (peak.run == nullptr) {
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("no register-only int8 kernel for {}; x86 with AVX2 and Arm with "
                            "dot products have one",
                            matmul_panels_isa()));
  }
  return std::make_unique<Int8Case>(team, peak);
}

constexpr long kMostRows = 8192;

std::unique_ptr<Case> prepare(const PlannedPoint& point, Kit& kit) {
  const Parameters& parameters = point.parameters;
  const std::string operation = parameters.text_or("operation", "registers");
  const std::string type = parameters.text_or("type", "f32");
  if ((operation != "registers" && operation != "onednn") ||
      (type != "f32" && type != "bf16" && type != "int8")) {
    throw Error(ErrorCode::kUsage,
                fmt::format("operation '{}', type '{}': expected registers or onednn, and f32, "
                            "bf16 or int8",
                            operation, type));
  }
  PinnedTeam& team = kit.team(parameters);
  const long rows = parameters.number_or("rows", 0);
  if (parameters.has("rows") && (rows < 1 || rows > kMostRows || operation == "registers")) {
    throw Error(ErrorCode::kUsage,
                fmt::format("rows {}: expected 1 to {}, with operation onednn", rows, kMostRows));
  }
  if (operation == "registers") return on_registers(type, team);
  const auto of_library = type == "f32"    ? DensePeak::Type::kF32
                          : type == "bf16" ? DensePeak::Type::kBF16
                                           : DensePeak::Type::kInt8;
  DensePeak::Shape shape = DensePeak::kSquare;
  if (rows > 0) {
    // A thread's part of a matrix that two threads share in matmul_throughput.
    shape = {rows, 2048, 4096};
    kit.require_memory(team.size() * DensePeak::memory_bytes(of_library, shape));
  }
  return std::make_unique<LibraryCase>(team, of_library, shape);
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"peak_compute", "Peak f32, bf16 and int8 arithmetic on registers and by a library.",
       mb::prepare});
}
