// The programs as they ship, with and without --cloud-label, on a machine whose metadata service is
// a stand-in. The shim that brings them there notes every socket that any of them opens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "data/documents/results.h"
#include "data/system/files.h"
#include "tests/e2e/programs.h"
#include "tests/probes/core/metadata_stand_in.h"

namespace mb {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class CloudLabel : public ::testing::Test {
 protected:
  ChildResult run_there(std::vector<std::string> arguments, int port) {
    return run_program(std::move(arguments),
                       {"env", std::string("LD_PRELOAD=") + METADATA_SHIM,
                        "STAND_IN_PORT=" + std::to_string(port), "STAND_IN_LOG=" + log().string()});
  }
  ChildResult run_there(std::vector<std::string> arguments) {
    return run_there(std::move(arguments), service.port());
  }

  std::filesystem::path log() const { return folder.path() / "sockets"; }
  std::vector<std::string> sockets() const {
    std::vector<std::string> lines;
    if (!std::filesystem::exists(log())) return lines;
    std::istringstream text(read_file(log()));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }
  std::vector<std::string> quick_run(const char* name) const {
    return {"run",
            "--budget",
            "2s",
            "--model",
            "qwen3-0.6b:q4_0",
            "--quiet",
            "--out",
            (folder.path() / name).string()};
  }

  MetadataStandIn service{as_ec2};
  TemporaryFolder folder;
};

TEST_F(CloudLabel, WithoutTheFlagNoProgramOpensASocket) {
  const ChildResult topology = run_there({"topology", "--json"});
  EXPECT_TRUE(topology.ok()) << topology.standard_error;
  const auto machine = machine_from_json_text(topology.standard_output, "topology");
  EXPECT_EQ(machine.cloud_zone, std::nullopt);
  EXPECT_THAT(run_there({"probe", "machine"}).standard_output, Not(HasSubstr("eu-central")));
  const ChildResult run = run_there(quick_run("run"));
  EXPECT_THAT(run.exit_code, AnyOf(0, 7)) << run.standard_error;  // two seconds need not be trusted
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "run" / "report.html"));
  EXPECT_TRUE(sockets().empty()) << sockets().front();
  EXPECT_TRUE(service.asked().empty());
}

TEST_F(CloudLabel, TheMainJobTakesTheFactsAndNoIds) {
  std::vector<std::string> arguments = quick_run("run");
  arguments.push_back("--cloud-label");
  const ChildResult run = run_there(arguments);
  EXPECT_THAT(run.exit_code, AnyOf(0, 7)) << run.standard_error;
  const auto out = folder.path() / "run";
  const Results results = results_from_json_text(read_file(out / "results.json"), "results");
  EXPECT_EQ(results.machine.cloud_label, "m7a.large");
  EXPECT_EQ(results.machine.cloud_life_cycle, "spot");
  EXPECT_EQ(results.machine.cloud_zone, "eu-central-1a");
  EXPECT_THAT(read_file(out / "report.html"), HasSubstr("m7a.large, spot, eu-central-1a"));
  for (const std::string& name : names_in(out)) {
    const std::string text = read_file(out / name);
    for (const std::string& id : kStandInIds) EXPECT_THAT(text, Not(HasSubstr(id))) << name;
  }
  EXPECT_EQ(service.asked().size(), 4u);
  EXPECT_EQ(sockets().size(), 8u);
  EXPECT_THAT(sockets(), Each(AnyOf("machine socket", "machine connect 169.254.169.254:80")));
}

TEST_F(CloudLabel, TopologyAndTheProbeShowIt) {
  const ChildResult text = run_there({"topology", "--cloud-label"});
  EXPECT_TRUE(text.ok()) << text.standard_error;
  EXPECT_THAT(text.standard_output, HasSubstr("instance        m7a.large, spot, eu-central-1a\n"));
  const ChildResult probe = run_there({"probe", "machine", "--cloud-label"});
  EXPECT_TRUE(probe.ok()) << probe.standard_error;
  EXPECT_THAT(probe.standard_output, HasSubstr("\"cloud_zone\": \"eu-central-1a\""));
}

TEST_F(CloudLabel, AServiceThatIsNotThereIsAValueWithItsCause) {
  const ChildResult text = run_there({"topology", "--cloud-label"}, deserted_port());
  EXPECT_TRUE(text.ok()) << text.standard_error;
  EXPECT_THAT(text.standard_output,
              HasSubstr("not known: instance metadata: metadata service: it cannot be reached"));
}

// Not only does nobody else ask: no other program could.
TEST_F(CloudLabel, OnlyTheMachineProbeHasNetworkCode) {
  std::vector<std::string> names{"memory_benchmark"};
  std::istringstream list(run_program({"probe", "--list"}).standard_output);
  for (std::string line; std::getline(list, line);) names.push_back(line.substr(0, line.find(' ')));
  ASSERT_GT(names.size(), 8u);
  std::vector<std::string> able;
  for (const std::string& name : names) {
    const std::string path = (std::filesystem::path(PROGRAM_DIR) / name).string();
    ChildRequest request;
    request.argv = {NM, "--dynamic", "--undefined-only", "--format=posix", path};
    request.timeout_seconds = kPatienceSeconds;
    const ChildResult symbols = run_child(request);
    ASSERT_TRUE(symbols.ok()) << name << ": " << symbols.describe();
    for (const char* call : {"socket", "connect", "getaddrinfo", "gethostbyname"}) {
      for (const char* end : {" U", "@"}) {  // with and without its version
        if (("\n" + symbols.standard_output).find("\n" + std::string(call) + end) ==
            std::string::npos) {
          continue;
        }
        able.push_back(name + " " + call);
      }
    }
  }
  EXPECT_THAT(able, ElementsAre("machine socket", "machine connect"));
}

}  // namespace
}  // namespace mb
