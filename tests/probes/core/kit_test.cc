// Teams of a point's NUMA nodes, on a machine document that puts this thread's CPU on node 1.
#include "probes/core/kit.h"

#include <gtest/gtest.h>
#include <sched.h>

#include "data/error.h"
#include "tests/error_code.h"

namespace mb {
namespace {

Machine two_nodes() {
  Machine machine;
  Pu far, here;
  far.os_index = 4095;
  far.usable = false;
  here.os_index = sched_getcpu();
  here.core = here.numa_node = 1;
  machine.pus = {far, here};
  machine.limits.memory_budget_bytes = 1 << 20;
  return machine;
}

TEST(ProbeKit, ATeamOfANodeRunsOnItsCpus) {
  const Machine machine = two_nodes();
  ProbeKit kit(machine);
  const Parameters point{{"cpu_node", 1}, {"memory_node", 1}, {"threads", 2}};
  EXPECT_EQ(kit.team_of_node(point, "cpu_node").pus(),
            std::vector<int>(2, machine.pus[1].os_index));
}

TEST(ProbeKit, ANodeWithoutAUsableCpuIsNotAvailable) {
  ProbeKit kit(two_nodes());
  const Parameters point{{"cpu_node", 0}, {"memory_node", 1}, {"threads", 1}};
  EXPECT_EQ(code_of([&] { kit.team_of_node(point, "cpu_node"); }), ErrorCode::kNotAvailable);
}

TEST(ProbeKit, OneNodeAloneSaysNothing) {
  ProbeKit kit(two_nodes());
  const Parameters point{{"cpu_node", 1}, {"threads", 1}};
  EXPECT_EQ(code_of([&] { kit.team_of_node(point, "memory_node"); }), ErrorCode::kUsage);
}

TEST(ProbeKit, WithoutNodesItIsThePointsOwnTeam) {
  ProbeKit kit(two_nodes());
  const Parameters point{{"threads", 1}};
  EXPECT_EQ(&kit.team_of_node(point, "cpu_node"), &kit.team(point));
}

TEST(ProbeKit, ATeamHasAtLeastOneThread) {
  ProbeKit kit(two_nodes());
  EXPECT_EQ(code_of([&] { kit.team(Parameters{{"threads", 0}}); }), ErrorCode::kUsage);
}

}  // namespace
}  // namespace mb
