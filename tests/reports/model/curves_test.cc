// Interpolation: what is measured is kept, what is between never overshoots, cliffs stay.
#include "reports/model/curves.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mb {
namespace {

TEST(Curve, GoesThroughItsPointsAndHoldsItsEnds) {
  Curve curve;
  curve.add({4, 40, 0.02, 0.01});
  curve.add({1, 10, 0.01, 0.01});
  curve.add({8, 50, 0.03, 0.01});
  EXPECT_DOUBLE_EQ(curve.at(4).value, 40);
  EXPECT_DOUBLE_EQ(curve.at(6).value, 45);
  EXPECT_DOUBLE_EQ(curve.at(0.5).value, 10);
  EXPECT_DOUBLE_EQ(curve.at(100).value, 50);
  EXPECT_DOUBLE_EQ(curve.at(6).spread, 0.03);
}

TEST(Curve, OfARateFallsInProportionBelowItsFirstCount) {
  Curve curve(Curve::Axes::kLinear, Curve::Below::kProportional);
  curve.add({4, 40, 0, 0});
  EXPECT_DOUBLE_EQ(curve.at(1).value, 10);
}

TEST(Curve, IsAPowerLawOnLogarithmicAxes) {
  Curve curve(Curve::Axes::kLogarithmic);
  curve.add({1, 1, 0, 0});
  curve.add({100, 10000, 0, 0});
  EXPECT_NEAR(curve.at(10).value, 100, 1e-9);
}

TEST(Curve, KeepsACliffBetweenTwoNeighbouringCounts) {
  Curve curve;
  for (const auto& [threads, rate] :
       {std::pair{11.0, 83.0}, {12.0, 90.0}, {13.0, 64.0}, {24.0, 80.0}}) {
    curve.add({threads, rate, 0, 0});
  }
  EXPECT_DOUBLE_EQ(curve.at(12).value, 90);
  EXPECT_DOUBLE_EQ(curve.at(13).value, 64);
  EXPECT_GT(curve.at(20).value, 64);
  EXPECT_LT(curve.at(20).value, 80);
}

TEST(Curve, LastPointAtTheSamePlaceStays) {
  Curve curve;
  curve.add({1, 1, 0, 0});
  curve.add({1, 2, 0, 0});
  EXPECT_EQ(curve.points().size(), 1u);
  EXPECT_DOUBLE_EQ(curve.at(1).value, 2);
}

TEST(Curve, MovesWithinItsErrorWhenPerturbed) {
  Random random(7);
  double sum = 0, squares = 0;
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) {
    Curve curve;
    curve.add({1, 100, 0.5, 0.1});
    curve.perturb(random);
    const double moved = std::log(curve.at(1).value / 100);
    sum += moved;
    squares += moved * moved;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.01);
  EXPECT_NEAR(std::sqrt(squares / kDraws), 0.1, 0.01);
}

class FamilyTest : public ::testing::Test {
 protected:
  FamilyTest() {
    // The reference sees the cliff at 13 of 12 cores; the other type was measured at the ends only.
    for (const auto& [threads, rate] :
         {std::pair{1.0, 10.0}, {6.0, 60.0}, {12.0, 120.0}, {13.0, 80.0}, {24.0, 100.0}}) {
      family.add("q4_0", 128, {threads, rate, 0.01, 0.01});
    }
    family.add("bf16", 128, {1, 30, 0.01, 0.01});
    family.add("bf16", 128, {24, 200, 0.01, 0.01});
    family.add("q4_0", 512, {1, 20, 0.01, 0.01});
  }
  Family family;
};

TEST_F(FamilyTest, ASparseCurveKeepsTheKneeOfTheReference) {
  EXPECT_DOUBLE_EQ(family.at("bf16", 128, 1).value, 30);
  EXPECT_DOUBLE_EQ(family.at("bf16", 128, 24).value, 200);
  const double at_cores = family.at("bf16", 128, 12).value;
  const double past_cores = family.at("bf16", 128, 13).value;
  EXPECT_GT(at_cores, 1.3 * past_cores);
  EXPECT_GT(at_cores, 240);  // between 2 and 3 times the reference
  EXPECT_LT(at_cores, 360);
}

TEST_F(FamilyTest, AHoleInXIsFilledByRatioNotByTheNeighbour) {
  // 512 rows were measured at one thread only, at twice the rate of 128 rows.
  EXPECT_NEAR(family.at("q4_0", 512, 6).value, 120, 1e-9);
}

TEST_F(FamilyTest, InterpolatesBetweenRowCounts) {
  EXPECT_NEAR(family.at("q4_0", 256, 1).value, std::sqrt(10.0 * 20.0), 1e-9);
  EXPECT_DOUBLE_EQ(family.at("q4_0", 4096, 1).value, 20);
}

TEST_F(FamilyTest, ScalingBetweenTheEndsIsTheReferences) {
  EXPECT_DOUBLE_EQ(family.scaling(12), 12);
  EXPECT_DOUBLE_EQ(family.scaling(13), 8);
  EXPECT_DOUBLE_EQ(family.scaling(9), 9) << "measured by none";
  EXPECT_EQ(family.threads().size(), 5u);
}

TEST(Family, OneMemberThatADisturbanceHeldBackDoesNotSayHowTheOthersScale) {
  Family family;
  family.add("bf16", 16, {1, 176, 0.01, 0.01});  // the first of those with the most counts
  family.add("bf16", 16, {2, 200, 0.01, 0.01});
  for (const double rows : {16.0, 128.0, 512.0}) {
    family.add("q4_0", rows, {1, 300, 0.01, 0.01});
    family.add("q4_0", rows, {2, 590, 0.01, 0.01});
  }
  EXPECT_DOUBLE_EQ(family.scaling(2), 590.0 / 300);
}

// One minute in which two CPUs shared a core is that of every point that was visited in it alone.
TEST(Family, ScalesAsTheMembersThatWereVisitedMostOften) {
  Family family;
  for (const double rows : {16.0, 128.0, 512.0}) {
    family.add("bf16", rows, {1, 170, 0.01, 0.01});
    family.add("bf16", rows, {2, 190, 0.01, 0.01});
  }
  family.add("q4_0", 16, {1, 300, 0.01, 0.01, 4});
  family.add("q4_0", 16, {2, 540, 0.01, 0.01, 4});
  EXPECT_DOUBLE_EQ(family.scaling(2), 540.0 / 300);
}

}  // namespace
}  // namespace mb
