// What matrices cost apart from memory and from any step:
//   matvec  bytes of weights per second that a thread takes in, each its own matrix in half its L2,
//           times one activation row (decode's rate where DRAM is no limit); with working_set_bytes
//           a matrix of that size for each thread, so that DRAM sets the pace
//   peak    FLOP per second of the same int8 products on registers alone: the ceiling of matmul
//   matmul  FLOP per second of `rows` activation rows by one matrix that the team shares (prefill)
//
// Quantised weights meet int8 activations, quantised beforehand; f32 and bf16 matmul is a
// library's (note "library"): oneDNN's with weights packed beforehand, as engines do it, on Arm f32
// BLIS's. FLOP: two per weight and row.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "data/error.h"
#include "probes/compute_case.h"
#include "probes/core/probe.h"
#include "workloads/dense_matmul.h"
#include "workloads/kernels/half.h"
#include "workloads/weights.h"

namespace {

using mb::Error, mb::ErrorCode;

// A feed-forward matrix of a small model: 8192 outputs divide evenly among up to 512 threads, and
// at 512 rows one product is 17 GFLOP, tens of milliseconds on one core.
constexpr long kColumns = 2048, kOutputs = 8192;

// Activation rows in every form that kernels want.
class Rows {
 public:
  explicit Rows(long count)
      : floats_(static_cast<std::size_t>(count * kColumns)),
        values_(floats_.size()),
        scales_(floats_.size() / 32),
        sums_(floats_.size() / 16),
        rounded_(floats_.size()) {
    std::minstd_rand generator(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& value : floats_) value = uniform(generator);
    for (long row = 0; row < count; ++row) view().convert_blocks(row, 0, kColumns / 32);
  }
  mb::Activations view() {
    return {floats_.data(),
            kColumns,
            {values_.data(), scales_.data(), sums_.data(), kColumns},
            {rounded_.data(), kColumns}};
  }
  // One result computed plainly from what the kernels were given.
  double product(const mb::Weights& weights, long row, long output) const {
    double sum = 0;
    for (long c = 0; c < kColumns; ++c) {
      const auto at = static_cast<std::size_t>(row * kColumns + c);
      sum += static_cast<double>(weights.at(output, c)) * value(weights.type(), at);
    }
    return sum;
  }

 private:
  double value(mb::WeightType beside, std::size_t at) const {
    if (mb::is_quantised(beside)) return static_cast<double>(scales_[at / 32]) * values_[at];
    return static_cast<double>(beside == mb::WeightType::kBF16 ? mb::f32_from_bf16(rounded_[at])
                                                               : floats_[at]);
  }

  std::vector<float> floats_;
  std::vector<std::int8_t> values_;
  std::vector<float> scales_;
  std::vector<std::int32_t> sums_;
  std::vector<std::uint16_t> rounded_;
};

// Results have a standard deviation near 0.6, and sums round at 1e-6 of their terms.
void expect_near(double got, double expected, mb::WeightType type) {
  if (std::abs(got - expected) <= 1e-3) return;
  throw Error(
      ErrorCode::kFailure,
      fmt::format("a {} product is {}, expected {}; the kernel or this CPU does not compute "
                  "reliably",
                  mb::to_string(type), got, expected));
}

class MatvecCase final : public mb::Case {
 public:
  MatvecCase(mb::PinnedTeam& team, mb::WeightType type, long outputs)
      : team_(team), rows_(1), ranks_(static_cast<std::size_t>(team.size())) {
    quantity = "rate";
    unit = mb::Unit::kBytesPerSecond;
    notes["isa"] = mb::multiply_isa(type);
    team_.run([&](int rank) {
      Rank& mine = of(rank);
      mine.weights = mb::Weights(type, outputs, kColumns);
      mine.buffer = mb::Buffer(static_cast<std::size_t>(mine.weights.memory_bytes()),
                               mb::PageKind::kTransparentHuge);
      mine.weights.bind(mine.buffer.data());
      mine.weights.fill(0, mine.weights.units(), static_cast<std::uint64_t>(rank) * 4096);
      mine.result.resize(static_cast<std::size_t>(outputs));
    });
    const auto bytes = static_cast<double>(of(0).weights.read_bytes());
    facts["matrix_bytes"] = bytes;
    amount_per_iteration = bytes * team.size();
  }

  double seconds(std::uint64_t iterations) override {
    const mb::Activations x = rows_.view();
    return team_.timed([&](int rank) {
      Rank& mine = of(rank);
      for (std::uint64_t i = 0; i < iterations; ++i) {
        mine.weights.multiply(0, mine.weights.units(), x, 1, mine.result.data(),
                              mine.weights.rows());
      }
    });
  }

  void check() override {
    for (const Rank& rank : ranks_) {
      for (const long output : {0L, rank.weights.rows() / 2, rank.weights.rows() - 1}) {
        expect_near(static_cast<double>(rank.result[static_cast<std::size_t>(output)]),
                    rows_.product(rank.weights, 0, output), rank.weights.type());
      }
    }
  }

 private:
  struct alignas(128) Rank {
    mb::Weights weights;
    mb::Buffer buffer;
    std::vector<float> result;
  };
  Rank& of(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }

  mb::PinnedTeam& team_;
  Rows rows_;
  std::vector<Rank> ranks_;
};

class MatmulCase final : public mb::Case {
 public:
  MatmulCase(mb::PinnedTeam& team, mb::WeightType type, long rows)
      : team_(team),
        count_(rows),
        rows_(rows),
        weights_(type, kOutputs, kColumns),
        buffer_(static_cast<std::size_t>(weights_.memory_bytes()), mb::PageKind::kTransparentHuge),
        slices_(static_cast<std::size_t>(team.size())),
        library_(mb::DenseMatmul::available(type)) {
    quantity = "throughput";
    unit = mb::Unit::kFlopsPerSecond;
    amount_per_iteration = 2.0 * kOutputs * kColumns * static_cast<double>(rows);
    facts["matrix_bytes"] = static_cast<double>(weights_.read_bytes());
    notes["isa"] = mb::multiply_isa(type);
    if (library_) notes["library"] = mb::DenseMatmul::library(type);
    weights_.bind(buffer_.data());
    if (!library_) result_.resize(static_cast<std::size_t>(rows * kOutputs));
    const mb::Activations x = rows_.view();
    team_.run([&](int rank) {
      const auto [first, last] = mb::share_of(weights_.units(), rank, team_.size());
      weights_.fill(first, last, 1);
      Slice& slice = slices_[static_cast<std::size_t>(rank)];
      slice.first = first;
      slice.last = last;
      if (!library_ || first == last) return;
      slice.matmul = std::make_unique<mb::DenseMatmul>(weights_, first * mb::Weights::kUnitRows,
                                                       (last - first) * mb::Weights::kUnitRows,
                                                       x.values, count_);
    });
  }

  double seconds(std::uint64_t iterations) override {
    const mb::Activations x = rows_.view();
    return team_.timed([&](int rank) {
      const Slice& slice = slices_[static_cast<std::size_t>(rank)];
      for (std::uint64_t i = 0; i < iterations; ++i) {
        if (slice.matmul) {
          slice.matmul->multiply();
        } else {
          weights_.multiply(slice.first, slice.last, x, count_, result_.data(), kOutputs);
        }
      }
    });
  }

  void check() override {
    for (const Slice& slice : slices_) {
      if (slice.first == slice.last) continue;
      const long output = (slice.first + slice.last) / 2 * mb::Weights::kUnitRows;
      for (const long row : {0L, count_ / 2, count_ - 1}) {
        const float got = slice.matmul
                              ? slice.matmul->at(row, output - slice.first * mb::Weights::kUnitRows)
                              : result_[static_cast<std::size_t>(row * kOutputs + output)];
        expect_near(static_cast<double>(got), rows_.product(weights_, row, output),
                    weights_.type());
      }
    }
  }

 private:
  struct alignas(128) Slice {
    long first = 0, last = 0;
    std::unique_ptr<mb::DenseMatmul> matmul;
  };

  mb::PinnedTeam& team_;
  const long count_;
  Rows rows_;
  mb::Weights weights_;
  mb::Buffer buffer_;
  std::vector<float> result_;
  std::vector<Slice> slices_;
  const bool library_;
};

std::unique_ptr<mb::Case> prepare(const mb::PlannedPoint& point, mb::Kit& kit) {
  const mb::Parameters& parameters = point.parameters;
  const mb::WeightType type = mb::weight_type_from_string(parameters.text_or("type", "q4_0"));
  const std::string operation = parameters.text_or("operation", "matmul");
  mb::PinnedTeam& team = kit.team(parameters);
  if (operation == "matvec") {
    // Half the L2, or half a MiB where the machine does not say.
    const std::int64_t bytes = parameters.number_or(
        "working_set_bytes", kit.machine().cache_bytes(2).value_or(1 << 20) / 2);
    const long units = bytes / mb::row_bytes(type, kColumns) / mb::Weights::kUnitRows;
    const long outputs = std::max(1L, units) * mb::Weights::kUnitRows;
    kit.require_memory(team.size() * outputs * mb::row_bytes(type, kColumns));
    return std::make_unique<MatvecCase>(team, type, outputs);
  }
  if (operation == "peak") {
    const mb::PanelPeak peak = mb::panel_peak();
    if (peak.run == nullptr) {
      throw Error(ErrorCode::kNotAvailable,
                  fmt::format("no register-only int8 kernel for {}; x86 with AVX2 has one",
                              mb::matmul_panels_isa()));
    }
    return std::make_unique<mb::Int8Case>(team, peak);
  }
  if (operation != "matmul") {
    throw Error(ErrorCode::kUsage,
                fmt::format("operation '{}': expected matvec, matmul or peak", operation));
  }
  const long rows = parameters.number_or("rows", 128);
  if (rows < 1) throw Error(ErrorCode::kUsage, fmt::format("rows {}: expected at least 1", rows));
  // Stored and packed weights, activations as floats and in the kernel's form, results.
  kit.require_memory(kOutputs * mb::row_bytes(type, kColumns) +
                     mb::DenseMatmul::memory_bytes(type, kOutputs, kColumns, rows) +
                     rows * kColumns * 8);
  return std::make_unique<MatmulCase>(team, type, rows);
}

}  // namespace

int main(int argc, char** argv) {
  return mb::probe_main(
      argc, argv,
      {"matmul_throughput",
       "Weights per second of matrix-vector products in the L2, FLOP/s of matmul", prepare});
}
