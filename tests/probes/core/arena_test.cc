// Buffers on this machine, and smaps texts of machines with pages that this one cannot give.
#include "probes/core/arena.h"

#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "data/error.h"
#include "probes/core/sizes.h"
#include "probes/core/smaps.h"

namespace mb {
namespace {

using testing::HasSubstr;

TEST(PageKind, WordsGoThereAndBack) {
  for (const char* word : {"4k", "thp", "hugetlb_2m", "hugetlb_1g"}) {
    EXPECT_EQ(to_string(page_kind_from_string(word)), word);
  }
  EXPECT_THROW(page_kind_from_string("huge"), Error);
}

TEST(Buffer, IsAlignedWritableAndZero) {
  for (const PageKind kind : {PageKind::k4KiB, PageKind::kTransparentHuge}) {
    Buffer buffer(3 * kMiB + 5, kind);
    ASSERT_NE(buffer.data(), nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % (2 * kMiB), 0u);
    EXPECT_EQ(buffer.size(), 3 * kMiB + 5);
    EXPECT_EQ(buffer.data()[buffer.size() - 1], std::byte{0});
    std::memset(buffer.data(), 1, buffer.size());
  }
}

TEST(Buffer, OfSmallPagesNeverHasHugeOnes) {
  Buffer buffer(8 * kMiB, PageKind::k4KiB);
  std::memset(buffer.data(), 1, buffer.size());
  EXPECT_EQ(buffer.obtained(), PageKind::k4KiB);
  EXPECT_EQ(buffer.huge_share(), 0.0);
}

TEST(Buffer, OfTransparentHugePagesHasThemWhereTheKernelGivesThem) {
  std::string mode;
  std::getline(std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"), mode);
  if (mode.empty() || mode.find("[never]") != std::string::npos) {
    GTEST_SKIP() << "needs transparent huge pages, mode is '" << mode << "'";
  }
  Buffer buffer(16 * kMiB, PageKind::kTransparentHuge);
  std::memset(buffer.data(), 1, buffer.size());
  EXPECT_EQ(buffer.obtained(), PageKind::kTransparentHuge);
  EXPECT_GE(buffer.huge_share().value(), 0.9);
}

TEST(Buffer, BesideAnotherKindIsJudgedAlone) {
  Buffer small(4 * kMiB, PageKind::k4KiB), large(4 * kMiB, PageKind::kTransparentHuge),
      small_too(4 * kMiB, PageKind::k4KiB);
  for (Buffer* buffer : {&small, &large, &small_too}) {
    std::memset(buffer->data(), 1, buffer->size());
  }
  EXPECT_EQ(small.huge_share(), 0.0);
  EXPECT_EQ(small_too.huge_share(), 0.0);
}

TEST(Buffer, UntouchedHasNoHugeShare) {
  const Buffer buffer(4 * kMiB, PageKind::kTransparentHuge);
  EXPECT_EQ(buffer.huge_share(), 0.0);
  EXPECT_EQ(buffer.obtained(), PageKind::k4KiB);
}

TEST(Buffer, IsFreedOnceAfterMoves) {
  Buffer first(kMiB, PageKind::k4KiB);
  std::byte* const data = first.data();
  Buffer second(std::move(first));
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(first.data(), nullptr);  // NOLINT: what a moved-from buffer holds is promised
  EXPECT_EQ(first.size(), 0u);
  first = std::move(second);
  EXPECT_EQ(first.data(), data);
  std::memset(first.data(), 1, first.size());
}

TEST(Buffer, AnOverrunDiesAtTheFence) {
  Buffer buffer(2 * kMiB, PageKind::k4KiB);
  volatile std::byte* const data = buffer.data();
  EXPECT_DEATH(data[2 * kMiB] = std::byte{1}, "");
  EXPECT_DEATH(data[-1] = std::byte{1}, "");
}

TEST(Buffer, OfNothingIsEmpty) {
  const Buffer none(0, PageKind::k4KiB);
  EXPECT_EQ(none.data(), nullptr);
  EXPECT_EQ(none.obtained(), PageKind::k4KiB);
  EXPECT_EQ(none.huge_share(), std::nullopt);
}

void expect_refusal(std::size_t bytes, PageKind kind) {
  try {
    Buffer buffer(bytes, kind);
    FAIL() << "the kernel gave " << bytes << " bytes";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoResource);
    EXPECT_THAT(error.what(), HasSubstr(std::string(to_string(kind)) + " pages"));
  }
}

TEST(Buffer, TooLargeIsRefusedWithSizeAndKind) {
  expect_refusal(SIZE_MAX, PageKind::k4KiB);
  expect_refusal(SIZE_MAX / 4, PageKind::kTransparentHuge);
}

TEST(Buffer, OfHugetlbPagesIsRefusedWithTheCommandWherePoolsAreTooSmall) {
  try {
    Buffer buffer(std::size_t{1} << 46, PageKind::kHugetlb2MiB);
    FAIL() << "no machine has 64 TiB of hugetlb pages";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoResource);
    EXPECT_THAT(error.what(), HasSubstr("hugetlb_2m pages"));
    EXPECT_THAT(error.what(), HasSubstr("hugepages-2048kB/nr_hugepages"));
  }
}

constexpr const char* kSmaps = R"(7f0000000000-7f0000200000 ---p 00000000 00:00 0
Size:               2048 kB
KernelPageSize:        4 kB
Rss:                 512 kB
AnonHugePages:         0 kB
VmFlags: mr mw me
7f0000200000-7f0000600000 rw-p 00000000 00:00 0
Size:               4096 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                4096 kB
AnonHugePages:      2048 kB
Private_Hugetlb:       0 kB
VmFlags: rd wr mr mw me ac
7f0000600000-7f0000a00000 rw-p 00000000 00:0f 1 /anon_hugepage (deleted)
KernelPageSize:     2048 kB
Rss:                   0 kB
AnonHugePages:         0 kB
Private_Hugetlb:    4096 kB
)";

std::optional<MappedPages> pages(std::uint64_t begin, std::uint64_t end) {
  std::istringstream text(kSmaps);
  return read_mapped_pages(text, begin, end);
}

TEST(Smaps, OnlyTheRangeCounts) {
  const auto range = pages(0x7f0000200000, 0x7f0000600000).value();
  EXPECT_EQ(range.resident_bytes, 4096 << 10);
  EXPECT_EQ(range.huge_bytes, 2048 << 10);
  EXPECT_EQ(range.kernel_page_bytes, 4 << 10);
}

TEST(Smaps, HugetlbPagesCountThoughRssLeavesThemOut) {
  const auto range = pages(0x7f0000600000, 0x7f0000a00000).value();
  EXPECT_EQ(range.resident_bytes, 4096 << 10);
  EXPECT_EQ(range.huge_bytes, 4096 << 10);
  EXPECT_EQ(range.kernel_page_bytes, 2048 << 10);
}

TEST(Smaps, ARangeOverTwoMappingsIsTheirSum) {
  const auto range = pages(0x7f0000200000, 0x7f0000a00000).value();
  EXPECT_EQ(range.resident_bytes, 8192 << 10);
  EXPECT_EQ(range.huge_bytes, 6144 << 10);
}

TEST(Smaps, AnUnmappedRangeOrOtherTextGivesNothing) {
  EXPECT_FALSE(pages(0x10000, 0x20000).has_value());
  std::istringstream other("not smaps at all\n12-\n-\nRss: 4 kB\n");
  EXPECT_FALSE(read_mapped_pages(other, 0, UINT64_MAX).has_value());
}

}  // namespace
}  // namespace mb
