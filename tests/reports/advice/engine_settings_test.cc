// Engine settings: the right number in the right place, in the engine's own words.
#include <gmock/gmock.h>

#include "reports/advice/advise.h"
#include "reports/advice/engines/engines.h"
#include "reports/advice/parts.h"
#include "tests/reports/model/synthetic.h"

namespace mb {
namespace {

using synthetic::Laws;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SettingsTest : public ::testing::Test {
 protected:
  // 16 cores of two threads; decode stops at 4.
  SettingsTest() {
    Laws laws;
    laws.cores = 16;
    laws.smt = 2;
    laws.bandwidth_all = 70e9;
    laws.matvec_one = 60e9;
    laws.attention_one = 400e9;
    AdviceRequest request;
    request.models = {"qwen3-4b:q4_0"};
    advice_ = advise(synthetic::results(laws), request).models.at(0);
  }
  const EngineSettings& engine(const std::string& name) {
    for (const EngineSettings& settings : advice_.engines) {
      if (settings.engine == name) return settings;
    }
    throw std::out_of_range(name);
  }
  ModelAdvice advice_;
};

TEST_F(SettingsTest, LlamaCppGetsTwoCountsAndMasks) {
  EXPECT_THAT(engine("llama.cpp").argv,
              ElementsAre("llama-server", "-m", "model.gguf", "-t", "4", "-tb", "16", "-Cr", "0-3",
                          "--cpu-strict", "1", "-Crb", "0-15", "--cpu-strict-batch", "1"));
  EXPECT_THAT(engine("llama.cpp").notes, Contains(HasSubstr("inherits -t")));
}

TEST_F(SettingsTest, OthersGetTheCompromise) {
  const std::string both = std::to_string(advice_.compromise.threads);
  EXPECT_EQ(engine("ollama").file_name, "Modelfile");
  EXPECT_EQ(engine("ollama").file_content,
            "FROM ./model.gguf\nPARAMETER num_thread " + both + "\n");
  EXPECT_EQ(engine("pytorch").env.at("OMP_NUM_THREADS"), both);
  EXPECT_EQ(engine("pytorch").env.at("MKL_NUM_THREADS"), both);
  EXPECT_EQ(engine("rayon").env.at("RAYON_NUM_THREADS"), both);
  EXPECT_EQ(engine("vllm").env.at("VLLM_CPU_OMP_THREADS_BIND"),
            cpu_ranges(*advice_.compromise.cpu_list));
  EXPECT_THAT(engine("env").file_content, HasSubstr("OMP_NUM_THREADS=" + both + "\n"));
  EXPECT_EQ(engine("shell").argv.front(), "taskset");
}

TEST(CpuRanges, AreShort) {
  EXPECT_EQ(cpu_ranges({0, 1, 2, 3}), "0-3");
  EXPECT_EQ(cpu_ranges({0, 2, 3, 8}), "0,2-3,8");
  EXPECT_EQ(cpu_ranges({5}), "5");
  EXPECT_EQ(cpu_ranges({}), "");
}

TEST(Masks, OfScatteredCpusAreHexadecimal) {
  Laws laws;
  laws.cores = 16;
  laws.l3_domains = 4;  // spread over domains: 0, 4, 8, 12
  laws.bandwidth_all = 70e9;
  laws.matvec_one = 60e9;
  laws.attention_one = 400e9;
  AdviceRequest request;
  request.models = {"qwen3-4b:q4_0"};
  const ModelAdvice advice = advise(synthetic::results(laws), request).models.at(0);
  ASSERT_EQ(advice.decode.threads, 4);
  EXPECT_THAT(*advice.decode.cpu_list, ElementsAre(0, 4, 8, 12));
  const std::vector<std::string>& argv = advice.engines.front().argv;
  const auto mask = std::find(argv.begin(), argv.end(), "-C");
  ASSERT_NE(mask, argv.end());
  EXPECT_EQ(*std::next(mask), "0x1111");
}

// Two nodes of four cores, whose numbers are not their places: 0 and 4.
class OnTwoNodes : public ::testing::Test {
 protected:
  OnTwoNodes() {
    machine_ = synthetic::machine(Laws{});
    machine_.numa_nodes = {{0, 1LL << 34}, {4, 1LL << 34}};
    for (Pu& pu : machine_.pus) pu.numa_node = pu.core / 4;
  }
  void use(const std::vector<int>& cpus) {
    advice_.compromise.threads = static_cast<int>(cpus.size());
    advice_.compromise.cpu_list = cpus;
  }
  EngineInput input() const { return {machine_, advice_, "q4_0"}; }
  Machine machine_;
  ModelAdvice advice_;
};

TEST_F(OnTwoNodes, MemoryIsBoundToTheOneNodeThatIsUsed) {
  use({4, 5});
  EXPECT_THAT(numactl_settings(input()).argv,
              ElementsAre("numactl", "--physcpubind=4-5", "--membind=4", "PROGRAM"));
  EXPECT_THAT(docker_settings(input()).argv, Contains("--cpuset-mems=4"));
  EXPECT_THAT(systemd_settings(input()).file_content, HasSubstr("NUMAPolicy=bind\nNUMAMask=4\n"));
}

TEST_F(OnTwoNodes, MemoryIsInterleavedOverTheNodesThatAreUsed) {
  use({0, 4});
  EXPECT_THAT(numactl_settings(input()).argv, Contains("--interleave=0,4"));
  EXPECT_THAT(docker_settings(input()).argv, testing::Not(Contains(HasSubstr("--cpuset-mems"))));
  EXPECT_THAT(systemd_settings(input()).file_content, testing::Not(HasSubstr("NUMAPolicy")));
}

TEST_F(OnTwoNodes, AMachineOfOneNodeBindsNoMemory) {
  machine_.numa_nodes.pop_back();
  for (Pu& pu : machine_.pus) pu.numa_node = 0;
  use({4, 5});
  EXPECT_THAT(numactl_settings(input()).argv,
              ElementsAre("numactl", "--physcpubind=4-5", "PROGRAM"));
  EXPECT_THAT(systemd_settings(input()).file_content, testing::Not(HasSubstr("NUMAPolicy")));
}

TEST_F(OnTwoNodes, WithoutAListOrUnderAQuotaNoCpuIsNamed) {
  use({});
  EXPECT_EQ(input().pin(advice_.compromise), nullptr) << "an empty list";
  advice_.compromise.cpu_list.reset();
  EXPECT_EQ(input().pin(advice_.compromise), nullptr) << "no list";
  use({0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(input().pin(advice_.compromise), nullptr) << "all of them";
  use({0});
  EXPECT_NE(input().pin(advice_.compromise), nullptr);
  machine_.limits.quota_cpus = 2.5;
  EXPECT_EQ(input().pin(advice_.compromise), nullptr) << "a quota";
  EXPECT_THAT(docker_settings(input()).argv, Contains("--cpus=2.5"));
  EXPECT_THAT(numactl_settings(input()).argv, testing::IsEmpty());
}

TEST_F(OnTwoNodes, ANodeThatTheDocumentDoesNotListIsNodeZero) {
  machine_.numa_nodes.clear();
  EXPECT_THAT(nodes_of(machine_, {0, 7}), ElementsAre(0));
}

TEST(QuantisationWarning, IsSilentAboutWhatIsNotKnown) {
  EXPECT_EQ(quantisation_warning("no such engine", "q4_0"), "");
  for (const char* plain : {"f32", "f16", "bf16"}) {
    EXPECT_EQ(quantisation_warning("ollama", plain), "") << plain;
  }
}

TEST(Choice, PrefersEvidence) {
  const std::map<int, double> score{{1, 10}, {2, 19}, {3, 30}, {4, 20}};
  // 3 was not measured and could be as slow as 15: the measured best stands.
  Choice choice = choose(score, {{1, 9}, {2, 18}, {3, 15}, {4, 19}}, {1, 2, 4}, 0.02);
  EXPECT_EQ(choice.threads, 4);
  EXPECT_THAT(choice.eligible, ElementsAre(1, 2, 4));
  // Surely faster than all that was measured: it is advised.
  choice = choose(score, {{1, 9}, {2, 18}, {3, 25}, {4, 19}}, {1, 2, 4}, 0.02);
  EXPECT_EQ(choice.threads, 3);
}

TEST(Choice, IsTheSmallestWithinTheTolerance) {
  const std::map<int, double> score{{1, 50}, {2, 97}, {4, 98.5}, {8, 100}};
  EXPECT_EQ(choose(score, score, {1, 2, 4, 8}, 0.02).threads, 4);
  EXPECT_EQ(choose(score, score, {1, 2, 4, 8}, 0.05).threads, 2);
  EXPECT_EQ(choose(score, score, {1, 2, 4, 8}, 0).threads, 8);
  EXPECT_EQ(choose(score, score, {}, 0.02).threads, 4);
}

}  // namespace
}  // namespace mb
