// oneDNN 2.x's matmul primitive; its 3.x has another descriptor, told apart by the version macro.
// The library's own threads (libgomp) stay out: one OpenMP thread for whoever calls multiply().
#include "workloads/dense_matmul.h"

#include "data/error.h"
#include "fmt/format.h"

#ifdef WITH_ONEDNN
#include <algorithm>
#include <cstring>
#include <dnnl.hpp>
#include <unordered_map>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

namespace mb {

#ifdef WITH_ONEDNN

struct DenseMatmul::Parts {
  dnnl::stream stream;
  dnnl::matmul primitive;
  dnnl::memory result;
  std::unordered_map<int, dnnl::memory> arguments;
  long outputs;
};

namespace {

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

}  // namespace

bool DenseMatmul::available(WeightType type) {
  static const bool f32 = has_matmul(Type::f32), bf16 = has_matmul(Type::bf16);
  return (type == WeightType::kF32 && f32) || (type == WeightType::kBF16 && bf16);
}

std::string DenseMatmul::library() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

DenseMatmul::DenseMatmul(const Weights& weights, long first, long outputs, const float* x,
                         long rows) {
  const long columns = weights.columns();
  if (!available(weights.type())) {
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("{} has no {} matmul for this CPU; a CPU with AVX-512 or AMX has it",
                            library(), to_string(weights.type())));
  }
  one_thread();
  const Type type = weights.type() == WeightType::kF32 ? Type::f32 : Type::bf16;
  // Weights lie as rows of outputs, so the columns x outputs operand is stored column by column.
  const dnnl::memory::desc stored({columns, outputs}, type, Tag::ba);
  const dnnl::memory::desc plain({rows, columns}, Type::f32, Tag::ab);
  const auto primitive =
      describe({{rows, columns}, type, Tag::any}, {{columns, outputs}, type, Tag::any},
               {{rows, outputs}, Type::f32, Tag::ab});
  dnnl::stream stream(engine());
  const auto byte_count = row_bytes(weights.type(), columns);
  const dnnl::memory given(plain, engine(), const_cast<float*>(x));
  const dnnl::memory source(stored, engine(),
                            const_cast<std::byte*>(weights.memory() + first * byte_count));
  dnnl::memory result(primitive.dst_desc(), engine());
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, reordered(given, primitive.src_desc(), stream)},
      {DNNL_ARG_WEIGHTS, reordered(source, primitive.weights_desc(), stream)},
      {DNNL_ARG_DST, result},
      {DNNL_ARG_SCRATCHPAD, dnnl::memory(primitive.scratchpad_desc(), engine())}};
  parts_ = std::make_unique<Parts>(
      Parts{stream, dnnl::matmul(primitive), result, std::move(arguments), outputs});
}

void DenseMatmul::multiply() {
  one_thread();
  parts_->primitive.execute(parts_->stream, parts_->arguments);
  parts_->stream.wait();
}

float DenseMatmul::at(long row, long output) const {
  return static_cast<const float*>(
      parts_->result.get_data_handle())[row * parts_->outputs + output];
}

struct DensePeak::Parts {
  dnnl::stream stream;
  dnnl::matmul primitive;
  dnnl::memory result;
  std::unordered_map<int, dnnl::memory> arguments;
  DensePeak::Shape shape;
  bool whole;  // results are int32
};

namespace {

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

// A matrix of ones in the library's own layout.
dnnl::memory ones(const dnnl::memory::dims& size, Type type, const dnnl::memory::desc& as,
                  dnnl::stream& stream) {
  const dnnl::memory plain({size, Type::f32, Tag::ab}, engine());
  std::fill_n(static_cast<float*>(plain.get_data_handle()), size[0] * size[1], 1.0F);
  const dnnl::memory typed = reordered(plain, {size, type, Tag::ab}, stream);
  return reordered(typed, as, stream);
}

}  // namespace

bool DensePeak::available(DensePeak::Type type) {
  try {
    describe_peak(types_of(type), kSquare);
    return true;
  } catch (const dnnl::error&) {
    return false;
  }
}

DensePeak::DensePeak(DensePeak::Type type, Shape shape) {
  if (!available(type)) {
    throw Error(ErrorCode::kNotAvailable,
                DenseMatmul::library() + " has no matmul of this type for this CPU");
  }
  one_thread();
  const PeakTypes types = types_of(type);
  const auto primitive = describe_peak(types, shape);
  dnnl::stream stream(engine());
  dnnl::memory result(primitive.dst_desc(), engine());
  // What another product left there would pass for this one's.
  std::memset(result.get_data_handle(), 0, primitive.dst_desc().get_size());
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, ones({shape.rows, shape.columns}, types.x, primitive.src_desc(), stream)},
      {DNNL_ARG_WEIGHTS,
       ones({shape.columns, shape.outputs}, types.weights, primitive.weights_desc(), stream)},
      {DNNL_ARG_DST, result},
      {DNNL_ARG_SCRATCHPAD, dnnl::memory(primitive.scratchpad_desc(), engine())}};
  parts_ =
      std::make_unique<Parts>(Parts{stream, dnnl::matmul(primitive), result, std::move(arguments),
                                    shape, types.result == dnnl::memory::data_type::s32});
}

void DensePeak::multiply() {
  one_thread();
  parts_->primitive.execute(parts_->stream, parts_->arguments);
  parts_->stream.wait();
}

bool DensePeak::is_right() const {
  const void* memory = parts_->result.get_data_handle();
  const bool whole = parts_->whole;
  const Shape& shape = parts_->shape;
  for (long i = 0; i < shape.rows * shape.outputs; ++i) {
    const auto value = whole ? static_cast<double>(static_cast<const std::int32_t*>(memory)[i])
                             : static_cast<double>(static_cast<const float*>(memory)[i]);
    if (value != static_cast<double>(shape.columns)) return false;
  }
  return true;
}

#else

struct DensePeak::Parts {};
bool DensePeak::available(Type) { return false; }
DensePeak::DensePeak(Type, Shape) {
  throw Error(ErrorCode::kNotAvailable, "needs oneDNN, and this build is without (WITH_ONEDNN=ON)");
}
void DensePeak::multiply() {}
bool DensePeak::is_right() const { return false; }

struct DenseMatmul::Parts {};
bool DenseMatmul::available(WeightType) { return false; }
std::string DenseMatmul::library() { return {}; }
DenseMatmul::DenseMatmul(const Weights& weights, long, long, const float*, long) {
  throw Error(ErrorCode::kNotAvailable,
              fmt::format("{} matmul needs oneDNN, and this build is without (WITH_ONEDNN=ON)",
                          to_string(weights.type())));
}
void DenseMatmul::multiply() {}
float DenseMatmul::at(long, long) const { return 0; }

#endif

std::int64_t DensePeak::memory_bytes(Type type, Shape shape) {
  const std::int64_t bytes = type == Type::kF32 ? 4 : type == Type::kBF16 ? 2 : 1;
  return bytes * (shape.rows * shape.columns + shape.columns * shape.outputs) +
         4 * shape.rows * shape.outputs;
}
DensePeak::~DensePeak() = default;
DensePeak::DensePeak(DensePeak&&) noexcept = default;
DenseMatmul::~DenseMatmul() = default;
DenseMatmul::DenseMatmul(DenseMatmul&&) noexcept = default;

std::int64_t DenseMatmul::memory_bytes(WeightType type, long outputs, long columns, long rows) {
  return outputs * row_bytes(type, columns) + rows * (row_bytes(type, columns) + 4 * outputs);
}

}  // namespace mb
