// Unquantised matmul by a library: what a machine's f32, bf16 and int8 ceilings are. One object is
// one thread's slice; everything is made before the timed region, and multiply() runs on the
// calling thread alone. oneDNN packs weights in a layout of its own and takes AMX where the CPU has
// it (untested: no such CPU was met); f32 on Arm goes by BLIS, which packs while it multiplies.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "workloads/weights.h"

namespace mb {

class DenseMatmul {
 public:
  // f32, and bf16 where the library has it for this CPU; nothing without a library.
  static bool available(WeightType type);
  static std::string library(WeightType type);  // "oneDNN 2.6.3", "BLIS 0.9.0"; empty without

  // result[rows x outputs] = x[rows x columns] * weights[outputs x columns] transposed; weights are
  // the rows [first, first + outputs) of the matrix. Throws Error(kNotAvailable).
  DenseMatmul(const Weights& weights, long first, long outputs, const float* x, long rows);
  ~DenseMatmul();
  DenseMatmul(DenseMatmul&&) noexcept;

  void multiply();
  float at(long row, long output) const;
  static std::int64_t memory_bytes(WeightType type, long outputs, long columns, long rows);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// A product of ones, [rows x columns] by [columns x outputs]: the library's peak on one thread as a
// square that stays in the L2, or what it makes of a prompt's rows. int8 multiplies unsigned with
// signed bytes, as every int8 instruction does.
class DensePeak {
 public:
  enum class Type { kF32, kBF16, kInt8 };
  struct Shape {
    long rows, columns, outputs;
    double flops() const { return 2.0 * static_cast<double>(rows * columns * outputs); }
  };
  static constexpr Shape kSquare{192, 192, 192};  // three f32 matrices of it are 432 KiB
  static bool available(Type type);
  static std::string library(Type type);  // as DenseMatmul's

  explicit DensePeak(Type type, Shape shape = kSquare);  // throws Error(kNotAvailable)
  ~DensePeak();
  DensePeak(DensePeak&&) noexcept;

  void multiply();
  bool is_right() const;  // every result is the number of columns
  static std::int64_t memory_bytes(Type type, Shape shape);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace mb
