// Lines of mountinfo as kernels write them, and torn ones; which of several mounts is walked.
#include "probes/core/cgroups.h"

#include <gmock/gmock.h>

#include "tests/probes/core/fake_host.h"

namespace mb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "VERSION PATH NAME" of every folder of the chain.
std::vector<std::string> chain(const std::string& mountinfo, const std::string& own_group,
                               std::string_view controller = "cpu") {
  FakeHost host;
  host.put("/proc/self/cgroup", own_group);
  host.put("/proc/self/mountinfo", mountinfo);
  std::vector<std::string> lines;
  for (const CgroupFolder& folder : cgroup_chain(host.files(), controller)) {
    lines.push_back(std::to_string(folder.version) + " " + folder.path + " " + folder.name);
  }
  return lines;
}

TEST(Cgroups, OurGroupComesFirstAndTheMountsTopLast) {
  EXPECT_THAT(chain("30 23 0:26 / /cg rw - cgroup2 none rw\n", "0::/a/b\n"),
              ElementsAre("2 /cg/a/b /a/b", "2 /cg/a /a", "2 /cg /"));
  EXPECT_THAT(chain("30 23 0:26 / /cg rw - cgroup2 none rw\n", "0::/\n"), ElementsAre("2 /cg /"));
}

TEST(Cgroups, TheTypeIsTheWordBehindTheDashWhateverTheSource) {
  EXPECT_THAT(chain("30 23 0:26 / /cg rw shared:9 - cgroup2 systemd rw\n", "0::/\n"),
              ElementsAre("2 /cg /"));
  EXPECT_THAT(chain("30 23 0:26 / /cg rw - tmpfs cgroup2 rw\n", "0::/\n"), IsEmpty());
  EXPECT_THAT(chain("30 23 0:26 / /cg rw - cgroup none rw,cpuacct,cpu\n", "4:cpuacct,cpu:/a\n"),
              ElementsAre("1 /cg/a /a", "1 /cg /"));
  EXPECT_THAT(chain("30 23 0:26 / /cg rw - cgroup none rw,cpuset\n", "4:cpuset:/a\n"), IsEmpty());
}

TEST(Cgroups, ATornLineIsNoMount) {
  for (const char* torn : {"30 23 0:26 / /cg - cgroup2 none rw\n",  // the options are missing
                           "30 23 0:26 / /cg rw - cgroup2 none\n", "30 23 0:26 / /cg rw\n",
                           "30 23 0:26 - cgroup2 none rw\n", "-\n", "\n"}) {
    EXPECT_THAT(chain(torn, "0::/\n"), IsEmpty()) << torn;
  }
}

TEST(Cgroups, EscapedBytesOfAMountPointAreOctal) {
  EXPECT_THAT(chain("30 23 0:26 / /c\\134d\\040e\\0811\\12 rw - cgroup2 none rw\n", "0::/\n"),
              ElementsAre("2 /c\\d e\\0811\\12 /"));
}

TEST(Cgroups, OfMountsOfOneRootTheFirstIsWalked) {
  EXPECT_THAT(chain("30 23 0:26 / /first rw - cgroup2 none rw\n"
                    "31 23 0:26 / /second rw - cgroup2 none rw\n",
                    "0::/\n"),
              ElementsAre("2 /first /"));
}

TEST(Cgroups, TheMountThatShowsMostOfOurPathIsWalked) {
  EXPECT_THAT(chain("30 23 0:26 /a/b /deep rw - cgroup2 none rw\n"
                    "31 23 0:26 /x /elsewhere rw - cgroup2 none rw\n"
                    "32 23 0:26 /a /near rw - cgroup2 none rw\n",
                    "0::/a/b\n"),
              ElementsAre("2 /near/b /b", "2 /near /"));
}

TEST(Cgroups, BothVersionsAreWalkedTheFirstBeforeTheSecond) {
  EXPECT_THAT(chain("30 23 0:26 / /two rw - cgroup2 none rw\n"
                    "31 23 0:27 / /one rw - cgroup none rw,cpu\n",
                    "4:cpu:/a\n0::/b\n"),
              ElementsAre("1 /one/a /a", "1 /one /", "2 /two/b /b", "2 /two /"));
}

}  // namespace
}  // namespace mb
