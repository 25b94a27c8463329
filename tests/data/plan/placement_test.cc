#include "data/plan/placement.h"

#include <gmock/gmock.h>

#include "data/error.h"
#include "tests/data/plan/machines.h"

namespace mb {
namespace {

using testing::ElementsAre;

TEST(Placement, SpreadDealsOverL3DomainsBeforeFillingOne) {
  const Machine machine = make_machine(1, 2, 3, 2);  // cores 0-2 and 3-5, siblings 6-11
  EXPECT_THAT(place(machine, 6, Placement::kSpread), ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(Placement, SpreadUsesEveryCoreBeforeASecondThreadOfAny) {
  const Machine machine = make_machine(1, 2, 3, 2);
  EXPECT_THAT(place(machine, 8, Placement::kSpread), ElementsAre(0, 3, 1, 4, 2, 5, 6, 9));
}

TEST(Placement, SpreadAlternatesPackages) {
  const Machine machine = make_machine(2, 1, 4, 1);
  EXPECT_THAT(place(machine, 4, Placement::kSpread), ElementsAre(0, 4, 1, 5));
}

TEST(Placement, CompactFillsACoreThenItsDomain) {
  const Machine machine = make_machine(1, 2, 2, 2);  // cores 0,1 | 2,3, siblings 4-7
  EXPECT_THAT(place(machine, 5, Placement::kCompact), ElementsAre(0, 4, 1, 5, 2));
}

TEST(Placement, SkipsPusOutsideTheAffinity) {
  Machine machine = make_machine(1, 1, 4, 1);
  machine.pus[0].usable = machine.pus[2].usable = false;
  EXPECT_THAT(place(machine, 2, Placement::kSpread), ElementsAre(1, 3));
}

TEST(Placement, UsesASiblingWhenTheFirstThreadOfACoreIsForbidden) {
  Machine machine = make_machine(1, 1, 2, 2);
  machine.pus[0].usable = false;  // core 0's first PU; its sibling is 2
  EXPECT_THAT(place(machine, 2, Placement::kSpread), ElementsAre(2, 1));
}

TEST(Placement, PutsFastCoresOfAHybridFirst) {
  Machine machine = make_machine(1, 1, 4, 1);
  machine.pus[0].core_kind = machine.pus[1].core_kind = 1;
  EXPECT_THAT(place(machine, 4, Placement::kSpread), ElementsAre(2, 3, 0, 1));
}

TEST(Placement, WrapsAroundWhenOversubscribed) {
  const Machine machine = make_machine(1, 1, 2, 1);
  EXPECT_THAT(place(machine, 5, Placement::kSpread), ElementsAre(0, 1, 0, 1, 0));
}

TEST(Placement, OneDomainOrNodeIsTheOneWithTheMostUsableCores) {
  Machine machine = make_machine(2, 2, 3, 1);  // domains 0-2 3-5 | 6-8 9-11, a node a package
  machine.pus[1].usable = false;
  EXPECT_THAT(place(machine, 3, Placement::kL3Domain), ElementsAre(3, 4, 5));
  EXPECT_THAT(place(machine, 4, Placement::kL3Domain), ElementsAre(3, 4, 5, 3));
  EXPECT_THAT(place(machine, 5, Placement::kNumaNode), ElementsAre(6, 9, 7, 10, 8));
}

TEST(Placement, ANodeIsFilledSpreadAndAnEmptyOneHasNoPlace) {
  Machine machine = make_machine(2, 2, 2, 1);  // nodes 0-3 and 4-7
  EXPECT_THAT(place_on_node(machine, 1, 3), ElementsAre(4, 6, 5));
  for (Pu& pu : machine.pus) pu.usable = pu.numa_node == 0;
  EXPECT_TRUE(place_on_node(machine, 1, 2).empty());
}

TEST(Placement, NamesComeBackAndAnUnknownOneListsThem) {
  for (const Placement placement :
       {Placement::kSpread, Placement::kCompact, Placement::kL3Domain, Placement::kNumaNode}) {
    EXPECT_EQ(placement_from_string(to_string(placement)), placement);
  }
  try {
    placement_from_string("scatter");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("spread, compact, l3_domain, numa_node"));
  }
}

TEST(Placement, PairsThreadsOfTheSameCores) {
  const Machine machine = make_machine(1, 1, 3, 2);
  EXPECT_THAT(place_on_cores(machine, 2, 2), ElementsAre(0, 3, 1, 4));
  EXPECT_THAT(place_on_cores(machine, 2, 1), ElementsAre(0, 1));
}

TEST(Placement, OffersNoPairsWithoutSmt) {
  EXPECT_TRUE(place_on_cores(make_machine(1, 1, 4, 1), 2, 2).empty());
}

TEST(Placement, UnknownWordIsAUsageError) { EXPECT_THROW(placement_from_string("scatter"), Error); }

}  // namespace
}  // namespace mb
