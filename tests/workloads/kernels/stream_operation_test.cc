// The table of stream operations: what run() leaves is what is_right() expects, and a damaged
// element or a missing pass shows.
#include "workloads/kernels/stream_operation.h"

#include <gtest/gtest.h>

#include <vector>

namespace mb {
namespace {

constexpr StreamOperation kAll[] = {StreamOperation::kRead, StreamOperation::kWrite,
                                    StreamOperation::kCopy, StreamOperation::kScale,
                                    StreamOperation::kAdd,  StreamOperation::kTriad};

struct Arrays {
  explicit Arrays(StreamOperation operation, std::size_t pitch, std::size_t count)
      : words(static_cast<std::size_t>(arrays_of(operation)) * pitch, 0xABCD),
        slices{reinterpret_cast<std::byte*>(words.data()), pitch, count} {
    fill(operation, slices);
  }
  std::vector<std::uint64_t> words;
  StreamSlices slices;
};

TEST(StreamOperation, ResultIsRightAfterEveryTraversal) {
  for (const StreamOperation operation : kAll) {
    for (const Traversal& way : traversals()) {
      Arrays arrays(operation, 3000, 2500);
      const std::uint64_t sum = run(operation, arrays.slices, 3, way);
      EXPECT_TRUE(is_right(operation, arrays.slices, sum, 3 * 2500))
          << static_cast<int>(operation) << " " << to_string(way);
    }
  }
}

TEST(StreamOperation, ADamagedElementShows) {
  for (const StreamOperation operation : kAll) {
    Arrays arrays(operation, 640, 640);
    if (operation == StreamOperation::kRead) arrays.words[639] ^= 1;
    const std::uint64_t sum = run(operation, arrays.slices, 1, {});
    if (operation != StreamOperation::kRead) arrays.words[639] ^= std::uint64_t{1} << 60;
    EXPECT_FALSE(is_right(operation, arrays.slices, sum, 640)) << static_cast<int>(operation);
  }
}

TEST(StreamOperation, WhatWasNeverRunIsNotRight) {
  for (const StreamOperation operation : kAll) {
    const Arrays arrays(operation, 640, 640);
    EXPECT_FALSE(is_right(operation, arrays.slices, 0, 640)) << static_cast<int>(operation);
  }
}

// A part after the other, round and round: only what was reached is asked for, and a part too many
// or too few shows in what was read.
TEST(StreamOperation, PartsInTurnAreRightAsFarAsTheyWent) {
  constexpr std::size_t kPart = 128, kParts = 5;
  for (const StreamOperation operation : kAll) {
    for (const std::size_t turns : {3u, 5u, 12u}) {
      Arrays arrays(operation, kPart * kParts, kPart * kParts);
      std::uint64_t sum = 0;
      for (std::size_t turn = 0; turn < turns; ++turn) {
        const std::size_t first = turn % kParts * kPart;
        sum +=
            run(operation,
                {arrays.slices.data + first * sizeof(std::uint64_t), kPart * kParts, kPart}, 1, {});
      }
      EXPECT_TRUE(is_right(operation, arrays.slices, sum, turns * kPart));
      const bool all_written = operation != StreamOperation::kRead && turns >= kParts;
      EXPECT_EQ(is_right(operation, arrays.slices, sum, (turns + 1) * kPart), all_written);
    }
  }
}

TEST(StreamOperation, StaysInsideTheCountOfEachArray) {
  for (const StreamOperation operation : kAll) {
    Arrays arrays(operation, 700, 640);
    run(operation, arrays.slices, 1, {});
    for (std::size_t i = 640; i < 700; ++i) EXPECT_EQ(arrays.words[i], 0xABCDu);
  }
}

}  // namespace
}  // namespace mb
