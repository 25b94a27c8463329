// Where this process's control groups are: from /proc/self/cgroup (which group, by hierarchy) and
// /proc/self/mountinfo (where each hierarchy is mounted, and which part of it).
//
// A container often sees only its own subtree: the mount's root is then a prefix of our path and is
// cut off. A path that cannot be translated (another cgroup namespace) falls back to the mount
// point, which is our own group or an ancestor of it, so a limit read there does bind us.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "data/system/files.h"

namespace mb {

struct CgroupFolder {
  int version = 2;   // 1 or 2
  std::string path;  // on the host: /sys/fs/cgroup/cpu/job
  std::string name;  // inside the hierarchy as mounted: /job, / at its top
};

// Our own group first, then each ancestor up to the mount's top, for every hierarchy that can carry
// the controller ("cpu", "memory", "cpuset"): the v1 one of that name and the v2 one. Folders that
// do not exist may be among them. Empty when no cgroup file system is mounted.
std::vector<CgroupFolder> cgroup_chain(const HostFiles& files, std::string_view controller);

}  // namespace mb
