// Engine profiles as they are read: every field with its source, as the files say, and which cores'
// figures an engine gets on a machine.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "reports/model/calibrate.h"
#include "reports/model/machine_model.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;

TEST(EngineProfiles, NameTheSourceOfEveryField) {
  EXPECT_THAT(
      engine_profiles(),
      ::testing::ElementsAre("generic", "llama.cpp-debian", "llama.cpp-openmp",
                             "llama.cpp-threadpool", "pytorch-compiled", "pytorch-eager", "rayon"));
  for (const std::string& name : engine_profiles()) {
    const EngineProfile profile = find_engine_profile(name);
    EXPECT_GT(profile.regions_per_layer_moe, profile.regions_per_layer_dense) << name;
    for (const char* field :
         {"sync", "operation", "regions_per_layer_dense", "regions_per_layer_moe", "regions_fixed",
          "ubatch", "weights_placement", "weights_page", "repacked_types", "dynamic_chunks",
          "matmul_efficiency", "matvec_efficiency", "attention_efficiency",
          "serial_seconds_per_token"}) {
      EXPECT_THAT(profile.sources, ::testing::Contains(::testing::Key(field))) << name;
    }
    if (!profile.compiled_profile.empty()) {
      EXPECT_LT(find_engine_profile(profile.compiled_profile).regions_per_layer_dense,
                profile.regions_per_layer_dense);
    }
  }
  EXPECT_EQ(find_engine_profile("llama.cpp").name, "llama.cpp-threadpool");
  EXPECT_THROW(find_engine_profile("nonesuch"), Error);
}

// What was embedded against the files themselves, field by field.
TEST(EngineProfiles, AreAsTheirFilesSay) {
  for (const std::string& name : engine_profiles()) {
    const EngineProfile profile = find_engine_profile(name);
    const auto file =
        nlohmann::json::parse(std::ifstream(SOURCE_DIR "/data/engines/" + name + ".json"));
    const nlohmann::json read{{"name", profile.name},
                              {"title", profile.title},
                              {"aliases", profile.aliases},
                              {"sync", profile.sync},
                              {"operation", profile.operation},
                              {"regions_per_layer_dense", profile.regions_per_layer_dense},
                              {"regions_per_layer_moe", profile.regions_per_layer_moe},
                              {"regions_fixed", profile.regions_fixed},
                              {"ubatch", profile.ubatch},
                              {"weights_page", profile.weights_page},
                              {"weights_placement", profile.weights_placement},
                              {"repacked_types", profile.repacked_types},
                              {"compiled_profile", profile.compiled_profile},
                              {"matmul_efficiency", profile.matmul_efficiency},
                              {"matvec_efficiency", profile.matvec_efficiency},
                              {"attention_efficiency", profile.attention_efficiency},
                              {"serial_seconds_per_token", profile.serial_seconds_per_token},
                              {"dynamic_chunks", profile.dynamic_chunks},
                              {"sources", profile.sources}};
    for (const auto& [field, value] : read.items()) {
      EXPECT_EQ(value, file.at(field)) << name << " " << field;
    }
    EXPECT_EQ(profile.attention_block_rows, file.value("attention_block_rows", 0)) << name;
    EXPECT_EQ(profile.attention_block_efficiency, file.value("attention_block_efficiency", 1.0))
        << name;
    EXPECT_EQ(profile.element_seconds, file.value("element_seconds", 0.0)) << name;
    const auto parts =
        file.value("attention_parts", nlohmann::json{{"from", 0}, {"rounded_to", 1}});
    EXPECT_EQ(profile.attention_parts.from, parts.at("from")) << name;
    EXPECT_EQ(profile.attention_parts.rounded_to, parts.at("rounded_to")) << name;
    EXPECT_EQ(nlohmann::json(profile.kv_cost), file.value("kv_cost", nlohmann::json::object()))
        << name;
  }
}

TEST(EngineProfiles, HaveFiguresOfTheirOwnWhereTheyWereMeasuredOnAnInstructionSet) {
  const EngineProfile plain = find_engine_profile("llama.cpp", "AVX2");
  const EngineProfile wide = find_engine_profile("llama.cpp", "AVX512_VNNI");
  EXPECT_EQ(plain.matmul_efficiency, find_engine_profile("llama.cpp").matmul_efficiency);
  EXPECT_EQ(plain.matmul_efficiency_for("q8_0"), plain.matmul_efficiency);
  EXPECT_EQ(wide.matmul_efficiency_for("f32"), plain.matmul_efficiency);
  EXPECT_LT(wide.matmul_efficiency_for("q8_0"), wide.matmul_efficiency_for("q4_0"));
  EXPECT_LT(wide.matvec_efficiency_for("q4_0"), plain.matvec_efficiency_for("q4_0"));
  EXPECT_LT(plain.matvec_efficiency_for("q4_0"), plain.matvec_efficiency);
  EXPECT_EQ(wide.matvec_efficiency_for("mxfp4"), plain.matvec_efficiency);
  EXPECT_EQ(plain.element_seconds, 0);
  EXPECT_GT(wide.element_seconds, 0);
  EXPECT_LT(wide.attention_block_efficiency, plain.attention_block_efficiency);
  EXPECT_THAT(wide.sources, ::testing::Contains(::testing::Key("matmul_efficiency_of")));
  EXPECT_EQ(find_engine_profile("generic", "AVX512_VNNI").matmul_efficiency_for("q8_0"), 1);
}

TEST(EngineProfiles, HaveFiguresOfAMakersCoresBesideThoseOfAnInstructionSet) {
  const EngineProfile any = find_engine_profile("llama.cpp", "AVX512_VNNI");
  const EngineProfile intel = find_engine_profile("llama.cpp", "AVX512_VNNI/Intel");
  EXPECT_LT(intel.matvec_efficiency_for("q8_0"), any.matvec_efficiency_for("q8_0"));
  EXPECT_LT(intel.matmul_efficiency_for("q8_0"), any.matmul_efficiency_for("q8_0"));
  EXPECT_EQ(intel.element_seconds, any.element_seconds) << "what was not measured apart";
  EXPECT_LT(intel.decode_slowdown, 1);
  EXPECT_LT(intel.prefill_slowdown, 1);
  EXPECT_EQ(any.decode_slowdown, 1);
  EXPECT_EQ(any.prefill_slowdown, 1);
  EXPECT_EQ(intel.measured_on, "AVX512_VNNI/Intel");
  const EngineProfile other = find_engine_profile("llama.cpp", "AVX512_VNNI/Other");
  EXPECT_EQ(other.matvec_efficiency_of, any.matvec_efficiency_of);
  EXPECT_EQ(other.measured_on, "AVX512_VNNI");
}

TEST(EngineProfiles, HaveFiguresOfCoresWithUnitsForMatrices) {
  const EngineProfile intel = find_engine_profile("llama.cpp", "AVX512_VNNI/Intel");
  const EngineProfile amx = find_engine_profile("llama.cpp", "AVX512_VNNI/Intel/AMX");
  EXPECT_EQ(amx.measured_on, "AVX512_VNNI/Intel/AMX");
  EXPECT_GT(amx.matmul_efficiency_for("q8_0"), 2 * intel.matmul_efficiency_for("q8_0"));
  EXPECT_EQ(amx.matmul_efficiency_for("q8_0", true), intel.matmul_efficiency_for("q8_0"))
      << "experts' products are not AMX's";
  EXPECT_EQ(amx.matvec_efficiency_for("q8_0", true), intel.matvec_efficiency_for("q8_0"));
  EXPECT_EQ(intel.matmul_efficiency_for("q8_0", true), intel.matmul_efficiency_for("q8_0"));
  EXPECT_GT(amx.overlap_for("q8_0"), intel.overlap_for("q8_0"));
  EXPECT_EQ(amx.overlap_for("q8_0", true), intel.overlap_for("q8_0"));
  EXPECT_EQ(amx.decode_slowdown, intel.decode_slowdown) << "what was not measured apart";
  EXPECT_THAT(amx.repacked_types, ::testing::Contains("q8_0"));
  EXPECT_THAT(intel.repacked_types, ::testing::Not(::testing::Contains("q8_0")));
  // Nobody measured such cores of another maker: the instruction set's figures stand.
  EXPECT_EQ(find_engine_profile("llama.cpp", "AVX512_VNNI/AMX").measured_on, "AVX512_VNNI");
  EXPECT_EQ(find_engine_profile("llama.cpp", "AVX2/Intel").measured_on, "AVX2");
}

TEST(EngineProfiles, GoByWhatTheQuantisedProductsRanOn) {
  Results results = synthetic::results(Laws{});
  const double plain = engine_profile_for(results, "llama.cpp").matmul_efficiency_for("q4_0");
  Point product;
  product.probe = "matmul_throughput";
  product.parameters.set("type", "bf16");  // by a library: says nothing
  product.notes["isa"] = "AVX3";
  results.points.insert(results.points.begin(), product);
  product.parameters.set("type", "q4_0");
  product.notes["isa"] = "AVX512_VNNI";
  results.points.insert(results.points.begin() + 1, product);
  const EngineProfile wide = engine_profile_for(results, "llama.cpp");
  EXPECT_LT(wide.matmul_efficiency_for("q4_0"), plain);
  EXPECT_EQ(wide.measured_on, "AVX512_VNNI");
  results.machine.cpu_model = "Intel(R) Xeon(R) Processor";
  EXPECT_EQ(engine_profile_for(results, "llama.cpp").measured_on, "AVX512_VNNI/Intel");
  results.machine.cpu_features.push_back("amx_int8");
  EXPECT_EQ(engine_profile_for(results, "llama.cpp").measured_on, "AVX512_VNNI/Intel/AMX");
}

}  // namespace
}  // namespace mb
