// A product is made ready once, by oneDNN or by BLIS (blas.h, f32 alone), and then run by one
// thread. oneDNN 2.x's matmul primitive; its 3.x has another descriptor, told apart by the version
// macro. The library's own threads (libgomp) stay out: one OpenMP thread for whoever calls
// multiply().
#include "workloads/dense_matmul.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "data/error.h"
#include "fmt/format.h"
#include "workloads/blas.h"

#ifdef WITH_ONEDNN
#include <dnnl.hpp>
#include <unordered_map>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

namespace mb {

class DenseProduct {
 public:
  virtual ~DenseProduct() = default;
  virtual void multiply() = 0;
  virtual const void* result() const = 0;  // f32, or int32 of int8, row by row
};

namespace {

class BlasProduct final : public DenseProduct {
 public:
  // Borrows the weights, a row an output.
  BlasProduct(const DensePeak::Shape& shape, const float* x, const float* weights)
      : shape_(shape),
        x_(x, x + shape.rows * shape.columns),
        weights_(weights),
        result_(static_cast<std::size_t>(shape.rows * shape.outputs)) {}

  void multiply() override {
    blas_product(shape_.rows, shape_.columns, shape_.outputs, x_.data(), weights_, result_.data());
  }
  const void* result() const override { return result_.data(); }

 private:
  DensePeak::Shape shape_;
  std::vector<float> x_;
  const float* weights_;
  std::vector<float> result_;
};

#ifdef WITH_ONEDNN

using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

// The library takes a CPU with AVX2 to have multiply-adds too; one that lacks them (hidden by a
// hypervisor, some of Zhaoxin's) would end by SIGILL. It must be told before its first primitive.
void keep_to_this_cpu() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && !__builtin_cpu_supports("fma")) {
    dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx);
  }
#endif
}

const dnnl::engine& engine() {
  static const dnnl::engine cpu = [] {
    keep_to_this_cpu();
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return cpu;
}

void one_thread() {
#ifdef _OPENMP
  omp_set_num_threads(1);  // of the calling thread's regions only
#endif
}

dnnl::memory reordered(dnnl::memory from, const dnnl::memory::desc& to, dnnl::stream& stream) {
  if (from.get_desc() == to) return from;
  dnnl::memory out(to, engine());
  dnnl::reorder(from, out).execute(stream, from, out);
  stream.wait();
  return out;
}

dnnl::matmul::primitive_desc describe(const dnnl::memory::desc& x,
                                      const dnnl::memory::desc& weights,
                                      const dnnl::memory::desc& result) {
  dnnl::primitive_attr attributes;
  // No scratchpad is allocated while timed; the library's list of arguments is, at every call.
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), x, weights, result, attributes};
#else
  return {dnnl::matmul::desc(x, weights, result), attributes, engine()};
#endif
}

class OneDnnProduct final : public DenseProduct {
 public:
  OneDnnProduct(const dnnl::matmul::primitive_desc& primitive, const dnnl::memory& x,
                const dnnl::memory& weights, dnnl::stream& stream)
      : stream_(stream), primitive_(primitive), result_(primitive.dst_desc(), engine()) {
    // What another product left there would pass for this one's.
    std::memset(result_.get_data_handle(), 0, primitive.dst_desc().get_size());
    arguments_ = {{DNNL_ARG_SRC, reordered(x, primitive.src_desc(), stream)},
                  {DNNL_ARG_WEIGHTS, reordered(weights, primitive.weights_desc(), stream)},
                  {DNNL_ARG_DST, result_},
                  {DNNL_ARG_SCRATCHPAD, dnnl::memory(primitive.scratchpad_desc(), engine())}};
  }

  void multiply() override {
    one_thread();
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  const void* result() const override { return result_.get_data_handle(); }

 private:
  dnnl::stream stream_;
  dnnl::matmul primitive_;
  dnnl::memory result_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

// Asked of the library, since what it wants of a CPU differs between releases (2.6: AVX-512 for
// bf16).
bool has_matmul(Type type) {
  try {
    describe({{16, 64}, type, Tag::any}, {{64, 16}, type, Tag::any},
             {{16, 16}, Type::f32, Tag::ab});
    return true;
  } catch (const dnnl::error&) {
    return false;
  }
}

bool onednn_has(WeightType type) {
  static const bool f32 = has_matmul(Type::f32), bf16 = has_matmul(Type::bf16);
  return (type == WeightType::kF32 && f32) || (type == WeightType::kBF16 && bf16);
}

std::string onednn() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

std::unique_ptr<DenseProduct> onednn_product(const DensePeak::Shape& shape, WeightType weight_type,
                                             const float* x, const std::byte* weights) {
  one_thread();
  const auto& [rows, columns, outputs] = shape;
  const Type type = weight_type == WeightType::kF32 ? Type::f32 : Type::bf16;
  // Weights lie as rows of outputs, so the columns x outputs operand is stored column by column.
  const dnnl::memory::desc stored({columns, outputs}, type, Tag::ba);
  const dnnl::memory::desc plain({rows, columns}, Type::f32, Tag::ab);
  const auto primitive =
      describe({{rows, columns}, type, Tag::any}, {{columns, outputs}, type, Tag::any},
               {{rows, outputs}, Type::f32, Tag::ab});
  dnnl::stream stream(engine());
  return std::make_unique<OneDnnProduct>(
      primitive, dnnl::memory(plain, engine(), const_cast<float*>(x)),
      dnnl::memory(stored, engine(), const_cast<std::byte*>(weights)), stream);
}

struct PeakTypes {
  Type x, weights, result;
};

PeakTypes types_of(DensePeak::Type type) {
  if (type == DensePeak::Type::kInt8) return {Type::u8, Type::s8, Type::s32};
  const Type both = type == DensePeak::Type::kF32 ? Type::f32 : Type::bf16;
  return {both, both, Type::f32};
}

dnnl::matmul::primitive_desc describe_peak(const PeakTypes& types, const DensePeak::Shape& shape) {
  return describe({{shape.rows, shape.columns}, types.x, Tag::any},
                  {{shape.columns, shape.outputs}, types.weights, Tag::any},
                  {{shape.rows, shape.outputs}, types.result, Tag::ab});
}

bool onednn_has(DensePeak::Type type) {
  try {
    describe_peak(types_of(type), DensePeak::kSquare);
    return true;
  } catch (const dnnl::error&) {
    return false;
  }
}

dnnl::memory ones(const dnnl::memory::dims& size, Type type, dnnl::stream& stream) {
  const dnnl::memory plain({size, Type::f32, Tag::ab}, engine());
  std::fill_n(static_cast<float*>(plain.get_data_handle()), size[0] * size[1], 1.0F);
  return reordered(plain, {size, type, Tag::ab}, stream);
}

std::unique_ptr<DenseProduct> onednn_product_of_ones(DensePeak::Type type,
                                                     const DensePeak::Shape& shape) {
  one_thread();
  const PeakTypes types = types_of(type);
  dnnl::stream stream(engine());
  return std::make_unique<OneDnnProduct>(
      describe_peak(types, shape), ones({shape.rows, shape.columns}, types.x, stream),
      ones({shape.columns, shape.outputs}, types.weights, stream), stream);
}

#else

bool onednn_has(WeightType) { return false; }
bool onednn_has(DensePeak::Type) { return false; }
std::string onednn() { return {}; }
std::unique_ptr<DenseProduct> onednn_product(const DensePeak::Shape&, WeightType, const float*,
                                             const std::byte*) {
  return nullptr;
}
std::unique_ptr<DenseProduct> onednn_product_of_ones(DensePeak::Type, const DensePeak::Shape&) {
  return nullptr;
}

#endif

[[noreturn]] void throw_missing(std::string_view type) {
  const std::string library = onednn();
  throw Error(ErrorCode::kNotAvailable,
              library.empty()
                  ? fmt::format("{} matmul needs oneDNN (WITH_ONEDNN=ON) or, for f32, BLIS "
                                "(WITH_BLIS=ON), and this build is without",
                                type)
                  : fmt::format("{} has no {} matmul for this CPU; of x86 one with AVX-512 or AMX "
                                "has it",
                                library, type));
}

}  // namespace

struct DenseMatmul::Parts {
  std::unique_ptr<DenseProduct> product;
  long outputs;
};

bool DenseMatmul::available(WeightType type) {
  return (type == WeightType::kF32 && blas_available()) || onednn_has(type);
}

std::string DenseMatmul::library(WeightType type) {
  return type == WeightType::kF32 && blas_available() ? blas_library() : onednn();
}

DenseMatmul::DenseMatmul(const Weights& weights, long first, long outputs, const float* x,
                         long rows) {
  const WeightType type = weights.type();
  if (!available(type)) throw_missing(to_string(type));
  const DensePeak::Shape shape{rows, weights.columns(), outputs};
  const std::byte* own = weights.memory() + first * row_bytes(type, weights.columns());
  parts_ = std::make_unique<Parts>(
      Parts{type == WeightType::kF32 && blas_available()
                ? std::make_unique<BlasProduct>(shape, x, reinterpret_cast<const float*>(own))
                : onednn_product(shape, type, x, own),
            outputs});
}

void DenseMatmul::multiply() { parts_->product->multiply(); }

float DenseMatmul::at(long row, long output) const {
  return static_cast<const float*>(parts_->product->result())[row * parts_->outputs + output];
}

struct DensePeak::Parts {
  std::vector<float> ones;  // weights that the product borrows
  std::unique_ptr<DenseProduct> product;
  Shape shape;
  bool whole;  // results are int32
};

bool DensePeak::available(Type type) {
  return (type == Type::kF32 && blas_available()) || onednn_has(type);
}

std::string DensePeak::library(Type type) {
  return type == Type::kF32 ? DenseMatmul::library(WeightType::kF32) : onednn();
}

DensePeak::DensePeak(Type type, Shape shape) {
  if (!available(type)) {
    throw_missing(type == Type::kF32 ? "f32" : type == Type::kBF16 ? "bf16" : "int8");
  }
  parts_ = std::make_unique<Parts>(Parts{{}, nullptr, shape, type == Type::kInt8});
  if (type == Type::kF32 && blas_available()) {
    parts_->ones.assign(static_cast<std::size_t>(shape.columns * shape.outputs), 1.0F);
    const std::vector<float> x(static_cast<std::size_t>(shape.rows * shape.columns), 1.0F);
    parts_->product = std::make_unique<BlasProduct>(shape, x.data(), parts_->ones.data());
  } else {
    parts_->product = onednn_product_of_ones(type, shape);
  }
}

void DensePeak::multiply() { parts_->product->multiply(); }

bool DensePeak::is_right() const {
  const void* memory = parts_->product->result();
  const bool whole = parts_->whole;
  const Shape& shape = parts_->shape;
  for (long i = 0; i < shape.rows * shape.outputs; ++i) {
    const auto value = whole ? static_cast<double>(static_cast<const std::int32_t*>(memory)[i])
                             : static_cast<double>(static_cast<const float*>(memory)[i]);
    if (value != static_cast<double>(shape.columns)) return false;
  }
  return true;
}

std::int64_t DensePeak::memory_bytes(Type type, Shape shape) {
  // As given and as packed; while the larger is made, it is f32.
  const std::int64_t bytes = type == Type::kF32 ? 4 : type == Type::kBF16 ? 2 : 1;
  const std::int64_t x = shape.rows * shape.columns, weights = shape.columns * shape.outputs;
  return 2 * bytes * (x + weights) + 4 * std::max(x, weights) + 4 * shape.rows * shape.outputs;
}

DensePeak::~DensePeak() = default;
DensePeak::DensePeak(DensePeak&&) noexcept = default;
DenseMatmul::~DenseMatmul() = default;
DenseMatmul::DenseMatmul(DenseMatmul&&) noexcept = default;

std::int64_t DenseMatmul::memory_bytes(WeightType type, long outputs, long columns, long rows) {
  return outputs * row_bytes(type, columns) + rows * (row_bytes(type, columns) + 4 * outputs);
}

}  // namespace mb
