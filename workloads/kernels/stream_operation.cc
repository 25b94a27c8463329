// Contents are small whole numbers, so that every target computes the same, with one rounding or
// two; a count up for what is read alone, so that a word too few or too many changes the sum.
#include "workloads/kernels/stream_operation.h"

#include <algorithm>

#include "workloads/kernels/stream_add.h"
#include "workloads/kernels/stream_copy.h"
#include "workloads/kernels/stream_read.h"
#include "workloads/kernels/stream_scale.h"
#include "workloads/kernels/stream_triad.h"
#include "workloads/kernels/stream_write.h"

namespace mb {
namespace {

constexpr std::uint64_t kWritten = 0x5A5A5A5A5A5A5A5A;
constexpr double kScale = 3, kSecond = 2, kUnwritten = -1;
constexpr std::size_t kPeriod = 1024;

double first_source(std::size_t i) { return static_cast<double>(i % kPeriod); }

std::uint64_t* words_of(const StreamSlices& slices, std::size_t array) {
  return reinterpret_cast<std::uint64_t*>(slices.data) + array * slices.pitch;
}

double* numbers_of(const StreamSlices& slices, std::size_t array) {
  return reinterpret_cast<double*>(slices.data) + array * slices.pitch;
}

bool on_numbers(StreamOperation operation) {
  return operation == StreamOperation::kScale || operation == StreamOperation::kAdd ||
         operation == StreamOperation::kTriad;
}

double result_of(StreamOperation operation, std::size_t i) {
  switch (operation) {
    case StreamOperation::kScale:
      return kScale * first_source(i);
    case StreamOperation::kAdd:
      return first_source(i) + kSecond;
    default:
      return first_source(i) + kScale * kSecond;
  }
}

// 0 + 1 + ... + (count - 1), modulo 2^64.
std::uint64_t sum_below(std::uint64_t count) {
  if (count == 0) return 0;
  return count % 2 == 0 ? count / 2 * (count - 1) : (count - 1) / 2 * count;
}

}  // namespace

int arrays_of(StreamOperation operation) {
  switch (operation) {
    case StreamOperation::kRead:
    case StreamOperation::kWrite:
      return 1;
    case StreamOperation::kCopy:
    case StreamOperation::kScale:
      return 2;
    case StreamOperation::kAdd:
    case StreamOperation::kTriad:
      return 3;
  }
  return 1;
}

bool stores(StreamOperation operation) { return operation != StreamOperation::kRead; }

void fill(StreamOperation operation, const StreamSlices& slices) {
  const bool numbers = on_numbers(operation);
  for (std::size_t i = 0; i < slices.count; ++i) {
    if (numbers) {
      numbers_of(slices, 0)[i] = kUnwritten;
      numbers_of(slices, 1)[i] = first_source(i);
      if (arrays_of(operation) > 2) numbers_of(slices, 2)[i] = kSecond;
    } else {
      words_of(slices, 0)[i] = operation == StreamOperation::kRead ? i : 0;
      if (operation == StreamOperation::kCopy) words_of(slices, 1)[i] = i;
    }
  }
}

std::uint64_t run(StreamOperation operation, const StreamSlices& slices, std::uint64_t passes,
                  const Traversal& way) {
  const std::size_t count = slices.count;
  switch (operation) {
    case StreamOperation::kRead:
      return stream_read(words_of(slices, 0), count, passes, way);
    case StreamOperation::kWrite:
      stream_write(words_of(slices, 0), count, kWritten, passes, way);
      return 0;
    case StreamOperation::kCopy:
      stream_copy(words_of(slices, 0), words_of(slices, 1), count, passes, way);
      return 0;
    case StreamOperation::kScale:
      stream_scale(numbers_of(slices, 0), numbers_of(slices, 1), kScale, count, passes, way);
      return 0;
    case StreamOperation::kAdd:
      stream_add(numbers_of(slices, 0), numbers_of(slices, 1), numbers_of(slices, 2), count, passes,
                 way);
      return 0;
    case StreamOperation::kTriad:
      stream_triad(numbers_of(slices, 0), numbers_of(slices, 1), numbers_of(slices, 2), kScale,
                   count, passes, way);
      return 0;
  }
  return 0;
}

bool is_right(StreamOperation operation, const StreamSlices& slices, std::uint64_t sum,
              std::uint64_t elements) {
  const std::uint64_t* words = words_of(slices, 0);
  if (operation == StreamOperation::kRead) {  // modulo 2^64
    return sum ==
           elements / slices.count * sum_below(slices.count) + sum_below(elements % slices.count);
  }
  const std::size_t count = std::min<std::uint64_t>(slices.count, elements);
  if (operation == StreamOperation::kWrite) {
    return std::all_of(words, words + count, [](std::uint64_t word) { return word == kWritten; });
  }
  for (std::size_t i = 0; i < count; ++i) {
    const bool right = operation == StreamOperation::kCopy
                           ? words[i] == i
                           : numbers_of(slices, 0)[i] == result_of(operation, i);
    if (!right) return false;
  }
  return true;
}

}  // namespace mb
