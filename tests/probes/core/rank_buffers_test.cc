// Buffers by rank: one each, touched, kept while they are large enough, given up when memory is
// short.
#include "probes/core/rank_buffers.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>

#include "data/error.h"
#include "probes/core/sizes.h"
#include "tests/data/plan/machines.h"
#include "tests/error_code.h"

namespace mb {
namespace {

// Ranks one after another on the caller's CPU; PU numbers are whatever the test says.
class SerialPinnedTeam final : public PinnedTeam {
 public:
  explicit SerialPinnedTeam(std::vector<int> pus) : pus_(std::move(pus)) {}
  int size() const override { return static_cast<int>(pus_.size()); }
  void run(RankFunction body) override {
    for (int rank = 0; rank < size(); ++rank) body(rank);
  }
  void barrier(int) override {}
  double timed(RankFunction body) override {
    run(body);
    return 1;
  }
  const std::vector<int>& pus() const override { return pus_; }
  TeamUsage usage() override { return {}; }

 private:
  std::vector<int> pus_;
};

class AccountingKit final : public Kit {
 public:
  explicit AccountingKit(std::size_t budget_bytes)
      : budget_bytes_(static_cast<std::int64_t>(budget_bytes)) {}
  const Machine& machine() const override { return machine_; }
  PinnedTeam& team(const Parameters&) override { throw std::logic_error("not asked for here"); }
  PinnedTeam& team(const std::vector<int>&, Sync) override {
    throw std::logic_error("not asked for here");
  }
  PinnedTeam& team_of_node(const Parameters& parameters, const char*) override {
    return team(parameters);
  }
  void require_memory(std::int64_t bytes) override {
    if (bytes > budget_bytes_) throw Error(ErrorCode::kNoResource, "too much");
    asked_bytes = bytes;
  }
  std::int64_t asked_bytes = 0;
  Machine machine_;  // empty, unless a test says what it is

 private:
  std::int64_t budget_bytes_;
};

struct PlainCase final : Case {
  double seconds(std::uint64_t) override { return 0; }
};

TEST(RankBuffers, GivesEveryRankMemoryOfItsOwn) {
  AccountingKit kit(64 * kMiB);
  SerialPinnedTeam team({0, 1, 1});  // two ranks share a PU
  RankBuffers buffers;
  buffers.prepare(kit, team, 2 * kMiB, PageKind::k4KiB);
  for (int rank = 0; rank < 3; ++rank) std::memset(buffers.data(rank), rank + 1, 2 * kMiB);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(buffers.data(rank)[0], std::byte(rank + 1));
    EXPECT_EQ(buffers.data(rank)[2 * kMiB - 1], std::byte(rank + 1));
  }
  EXPECT_EQ(kit.asked_bytes, static_cast<std::int64_t>(6 * kMiB));
}

TEST(RankBuffers, KeepsABufferForItsPuWhileItIsLargeEnough) {
  AccountingKit kit(64 * kMiB);
  SerialPinnedTeam one({0}), two({0, 1});
  RankBuffers buffers;
  buffers.prepare(kit, one, 8 * kMiB, PageKind::k4KiB);
  std::byte* const first = buffers.data(0);
  buffers.prepare(kit, two, 4 * kMiB, PageKind::k4KiB);
  EXPECT_EQ(buffers.data(0), first);
  EXPECT_NE(buffers.data(1), first);
  EXPECT_EQ(kit.asked_bytes, static_cast<std::int64_t>(12 * kMiB));
  std::memset(buffers.data(0), 0, 4 * kMiB);
  buffers.prepare(kit, one, 16 * kMiB, PageKind::k4KiB);
  std::memset(buffers.data(0), 0, 16 * kMiB);
  EXPECT_EQ(kit.asked_bytes, static_cast<std::int64_t>(20 * kMiB));
}

TEST(RankBuffers, GivesUpEarlierPointsMemoryWhenItIsNeeded) {
  AccountingKit kit(20 * kMiB);
  SerialPinnedTeam one({0}), other({1});
  RankBuffers buffers;
  buffers.prepare(kit, one, 16 * kMiB, PageKind::k4KiB);
  buffers.prepare(kit, other, 16 * kMiB, PageKind::k4KiB);
  EXPECT_EQ(kit.asked_bytes, static_cast<std::int64_t>(16 * kMiB));
  std::memset(buffers.data(0), 0, 16 * kMiB);
}

TEST(RankBuffers, RefusesAPointThatIsTooLargeAlone) {
  AccountingKit kit(20 * kMiB);
  SerialPinnedTeam two({0, 1});
  RankBuffers buffers;
  EXPECT_THROW(buffers.prepare(kit, two, 16 * kMiB, PageKind::k4KiB), Error);
}

// As many threads as one likes share what one thread needed: nobody touches memory twice.
TEST(RankBuffers, OnOneNodeRanksHavePartsOfOneBuffer) {
  AccountingKit kit(64 * kMiB);
  kit.machine_ = make_machine(1, 1, 3, 1);
  SerialPinnedTeam one({0}), three({0, 1, 2});
  RankBuffers buffers;
  buffers.prepare(kit, one, 16 * kMiB, PageKind::k4KiB);
  std::byte* const whole = buffers.data(0);
  const std::size_t part = 16 * kMiB / 3 + 1;
  buffers.prepare(kit, three, part, PageKind::k4KiB);
  EXPECT_EQ(buffers.data(0), whole);
  EXPECT_LE(buffers.data(2) + part, whole + 18 * kMiB);
  for (int rank = 0; rank < 3; ++rank) std::memset(buffers.data(rank), rank + 1, part);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(buffers.data(rank)[0], std::byte(rank + 1));
    EXPECT_EQ(buffers.data(rank)[part - 1], std::byte(rank + 1));
  }
  buffers.prepare(kit, three, 8 * kMiB, PageKind::k4KiB);
  std::memset(buffers.data(2), 0, 8 * kMiB);
  EXPECT_EQ(kit.asked_bytes, static_cast<std::int64_t>(24 * kMiB));
}

TEST(RankBuffers, TheFirstRankAloneMayAskForMore) {
  for (const int nodes : {1, 2}) {
    AccountingKit kit(20 * kMiB);
    kit.machine_ = make_machine(nodes, 1, 1, 1);
    SerialPinnedTeam two({0, 1});
    RankBuffers buffers;
    buffers.prepare_first(kit, two, 16 * kMiB, PageKind::k4KiB);
    std::memset(buffers.data(0), 1, 16 * kMiB);
    EXPECT_LE(kit.asked_bytes, static_cast<std::int64_t>(18 * kMiB)) << nodes;
  }
}

// The last part is not a whole one; what nobody touched is not resident.
TEST(RankBuffers, OnOneNodeEveryPageIsTouchedByAllCpusTogether) {
  AccountingKit kit(64 * kMiB);
  for (const int cpus : {1, 2, 3}) {
    kit.machine_ = make_machine(1, 1, cpus, 1);
    SerialPinnedTeam team({0});
    RankBuffers buffers;
    const std::size_t bytes = 18 * kMiB + 4096;
    buffers.prepare(kit, team, bytes, PageKind::k4KiB);
    std::vector<unsigned char> resident(bytes / 4096);
    ASSERT_EQ(::mincore(buffers.data(0), bytes, resident.data()), 0);
    EXPECT_TRUE(std::ranges::all_of(resident, [](unsigned char page) { return page & 1; })) << cpus;
  }
}

TEST(RankBuffers, SaysWhichPagesItGot) {
  AccountingKit kit(64 * kMiB);
  SerialPinnedTeam team({0});
  RankBuffers buffers;
  buffers.prepare(kit, team, 4 * kMiB, PageKind::k4KiB);
  PlainCase described;
  buffers.describe(described);
  EXPECT_EQ(described.notes["page_obtained"], "4k");
  EXPECT_FALSE(described.notes.contains("page_problem"));
  EXPECT_LT(described.facts["huge_page_share"], 0.1);
}

// The switch of this process, whatever the machine's mode.
TEST(RankBuffers, WithHugePagesSwitchedOffTheProblemIsNamed) {
  AccountingKit kit(64 * kMiB);
  SerialPinnedTeam team({0});
  RankBuffers buffers;
  ASSERT_EQ(::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
  buffers.prepare(kit, team, 4 * kMiB, Parameters{{"page", "thp"}});
  ::prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
  PlainCase described;
  buffers.describe(described);
  EXPECT_EQ(described.notes["page_obtained"], "4k");
  EXPECT_EQ(described.notes["page_problem"], "thp pages were asked for, 4k were given");
}

TEST(RankBuffers, PagesThatCannotBeHadLeaveNothingBehind) {
  AccountingKit kit(std::size_t{1} << 40);
  SerialPinnedTeam team({0, 1});
  RankBuffers buffers;
  const Parameters huge{{"page", "hugetlb_1g"}};
  // More than any machine of ours has reserved.
  EXPECT_EQ(code_of([&] { buffers.prepare(kit, team, std::size_t{1} << 38, huge); }),
            ErrorCode::kNoResource);
  buffers.prepare(kit, team, 2 * kMiB, PageKind::k4KiB);
  EXPECT_EQ(kit.asked_bytes, static_cast<std::int64_t>(4 * kMiB)) << "none of the first is kept";
}

TEST(RankBuffers, BeforeAnyPreparationThePagesAreUnknown) {
  PlainCase described;
  RankBuffers().describe(described);
  EXPECT_EQ(described.notes["page_obtained"], "unknown");
  EXPECT_FALSE(described.facts.contains("huge_page_share"));
}

TEST(RankBuffers, SaysWhenTheWantedPagesWereNotGiven) {
  AccountingKit kit(64 * kMiB);
  SerialPinnedTeam team({0});
  RankBuffers buffers;
  buffers.prepare(kit, team, 4 * kMiB, PageKind::kTransparentHuge);
  PlainCase described;
  buffers.describe(described);
  // Whether this machine gives huge pages or not, the words must agree with what was read back.
  const bool given = described.notes["page_obtained"] == "thp";
  EXPECT_EQ(described.notes.contains("page_problem"), !given);
  EXPECT_EQ(described.facts["huge_page_share"] >= 0.9, given);
}

}  // namespace
}  // namespace mb
