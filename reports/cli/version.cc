// Everything is known at compile time but the instruction sets that this CPU supports.
#include "reports/cli/version.h"

#include <build_info.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "data/documents/comparison.h"
#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/documents/sweep.h"
#include "probes/core/build_facts.h"
#include "workloads/kernels/isa.h"

namespace mb {

std::string version_line() { return fmt::format("memory_benchmark {}", BUILD_VERSION); }

std::string version_json_text() {
  const Build build = build_facts();
  const auto on = [](std::string_view cmake) { return cmake == "ON"; };
  const nlohmann::ordered_json json = {
      {"version", build.version},
      {"compiler", build.compiler},
      {"build_type", build.type},
      {"features",
       {{"openmp", on(BUILD_OPENMP)}, {"onednn", on(BUILD_ONEDNN)}, {"papi", on(BUILD_PAPI)}}},
      {"libraries", build.libraries},
      {"isa_targets", compiled_isas()},
      {"isa_supported", supported_isas()},
      {"schema_versions",
       {{"results", kResultsSchemaVersion},
        {"recommendation", kRecommendationSchemaVersion},
        {"sweep", kSweepSchemaVersion},
        {"comparison", kComparisonSchemaVersion}}}};
  return json.dump(1) + "\n";
}

}  // namespace mb
