// Versions are those compiled against. hwloc's matters most: its view of a new processor depends on
// it.
#include "probes/core/build_facts.h"

#include <build_info.h>
#include <fmt/format.h>

#include "probes/core/topology.h"

namespace mb {

Build build_facts() {
  Build build;
  build.version = BUILD_VERSION;
  build.compiler = BUILD_COMPILER;
  build.type = BUILD_TYPE;
  build.libraries["hwloc"] = hwloc_version();
  build.libraries["fmt"] =
      fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100);
  return build;
}

}  // namespace mb
