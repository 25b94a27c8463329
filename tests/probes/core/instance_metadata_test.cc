// The whole exchange with a stand-in on loopback: as Amazon's service behaves, and as one that is
// absent, old, slow, talkative or hostile. Where the stand-in answers, time is given in plenty;
// where it does not, little, and only that the asking ends is looked at.
#include "probes/core/instance_metadata.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "data/documents/results.h"
#include "tests/probes/core/metadata_stand_in.h"

namespace mb {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr double kPlentySeconds = 3600, kLittleSeconds = 0.2;

Machine ask(int port, double timeout_seconds) {
  Machine machine;
  machine.cloud_label = "of DMI";
  ask_instance_metadata(machine, {"127.0.0.1", port, timeout_seconds});
  return machine;
}

Machine ask(const MetadataStandIn& service, double timeout_seconds = kPlentySeconds) {
  return ask(service.port(), timeout_seconds);
}

const auto missing = [](const std::string& what, const std::string& cause) {
  return AllOf(Field(&Missing::what, what), Field(&Missing::cause, HasSubstr(cause)));
};

// Nothing was learned, and why.
void expect_nothing(const Machine& machine, const std::string& cause) {
  EXPECT_EQ(machine.cloud_label, "of DMI");
  EXPECT_EQ(machine.cloud_life_cycle, std::nullopt);
  EXPECT_EQ(machine.cloud_zone, std::nullopt);
  ASSERT_THAT(machine.missing, ElementsAre(missing("instance metadata", cause)));
  EXPECT_FALSE(machine.missing[0].remedy.empty());
}

// As EC2, but for one path.
std::function<Reply(const Asked&)> ec2_but(const std::string& path, const Reply& reply) {
  return [=](const Asked& asked) { return asked.line().ends_with(path) ? reply : as_ec2(asked); };
}

TEST(InstanceMetadata, TakesThreeFactsAndAsksForNothingElse) {
  const MetadataStandIn service(as_ec2);
  const Machine machine = ask(service);
  EXPECT_EQ(machine.cloud_label, "m7a.large");
  EXPECT_EQ(machine.cloud_life_cycle, "spot");
  EXPECT_EQ(machine.cloud_zone, "eu-central-1a");
  EXPECT_THAT(machine.missing, IsEmpty());
  EXPECT_THAT(service.lines(),
              ElementsAre("PUT /latest/api/token", "GET /latest/meta-data/instance-type",
                          "GET /latest/meta-data/instance-life-cycle",
                          "GET /latest/meta-data/placement/availability-zone"));
  const std::string document = machine_to_json_text(machine);
  for (const std::string& id : kStandInIds) EXPECT_THAT(document, Not(HasSubstr(id)));
}

TEST(InstanceMetadata, TheTokenIsAskedForWithItsTimeAndSentWithEveryFact) {
  const MetadataStandIn service(as_ec2);
  ask(service);
  const std::vector<Asked> asked = service.asked();
  ASSERT_EQ(asked.size(), 4u);
  EXPECT_GE(std::atoi(asked[0].header("X-aws-ec2-metadata-token-ttl-seconds").c_str()), 1);
  EXPECT_EQ(asked[0].header("X-aws-ec2-metadata-token"), "");
  for (std::size_t i = 1; i < asked.size(); ++i) {
    EXPECT_EQ(asked[i].header("X-aws-ec2-metadata-token"), kStandInToken);
  }
}

TEST(InstanceMetadata, TheStandInWantsATokenAndItsTime) {
  const auto status = [](const std::string& text) { return as_ec2({text}).bytes.substr(9, 3); };
  EXPECT_EQ(status("GET /latest/meta-data/instance-type HTTP/1.1\r\nHost: x\r\n\r\n"), "401");
  EXPECT_EQ(status("PUT /latest/api/token HTTP/1.1\r\nHost: x\r\n\r\n"), "400");
}

// The older protocol gives facts without a token; it is not spoken.
TEST(InstanceMetadata, AServiceWithoutTokensIsAskedNothingMore) {
  for (const int status : {403, 404, 405}) {
    const MetadataStandIn service([&](const Asked& asked) {
      return asked.line().starts_with("PUT") ? http_reply(status, "") : http_reply(200, "m5.large");
    });
    expect_nothing(ask(service), "HTTP status " + std::to_string(status));
    EXPECT_THAT(service.lines(), ElementsAre("PUT /latest/api/token"));
  }
}

TEST(InstanceMetadata, ARedirectIsNotFollowed) {
  const MetadataStandIn elsewhere(as_ec2);
  const std::string to = "http://127.0.0.1:" + std::to_string(elsewhere.port()) + "/";
  const MetadataStandIn service([&](const Asked&) {
    return Reply{"HTTP/1.1 302 Found\r\nLocation: " + to + "\r\nContent-Length: 0\r\n\r\n"};
  });
  expect_nothing(ask(service), "HTTP status 302");
  EXPECT_THAT(elsewhere.asked(), IsEmpty());
}

TEST(InstanceMetadata, AFactThatIsNotThereLeavesTheOthers) {
  const MetadataStandIn service(ec2_but("/instance-life-cycle", http_reply(404, "")));
  const Machine machine = ask(service);
  EXPECT_EQ(machine.cloud_label, "m7a.large");
  EXPECT_EQ(machine.cloud_life_cycle, std::nullopt);
  EXPECT_EQ(machine.cloud_zone, "eu-central-1a");
  EXPECT_THAT(machine.missing, ElementsAre(missing("purchasing option", "HTTP status 404")));
}

TEST(InstanceMetadata, SilenceEndsTheAsking) {
  const MetadataStandIn service([](const Asked&) { return Reply{"", Reply::Then::kHold}; });
  expect_nothing(ask(service, kLittleSeconds), "no answer from the metadata service within 0.2 s");
}

TEST(InstanceMetadata, SilenceInTheMiddleKeepsWhatWasSaid) {
  const MetadataStandIn service(
      ec2_but("/instance-life-cycle", {"HTTP/1.1 200 OK\r\nContent-Le", Reply::Then::kHold}));
  const Machine machine = ask(service, 4);  // enough for two answers on a busy machine
  EXPECT_EQ(machine.cloud_label, "m7a.large");
  EXPECT_THAT(machine.missing, ElementsAre(missing("purchasing option", "no answer"),
                                           missing("availability zone", "no answer")));
}

// Each byte comes soon after the last, the whole does not: one deadline for all of it.
TEST(InstanceMetadata, DrippingEndsTheAskingToo) {
  const MetadataStandIn service([](const Asked&) {
    return Reply{"HTTP/1.1 200 OK\r\nX-Long: " + std::string(20000, 'x'), Reply::Then::kClose,
                 std::chrono::milliseconds(30)};
  });
  expect_nothing(ask(service, kLittleSeconds), "no answer");
}

TEST(InstanceMetadata, AnAnswerInSingleBytesIsTaken) {
  const MetadataStandIn service([](const Asked& asked) {
    Reply reply = as_ec2(asked);
    reply.pause = std::chrono::milliseconds(1);
    return reply;
  });
  EXPECT_EQ(ask(service).cloud_zone, "eu-central-1a");
}

TEST(InstanceMetadata, ChunksAndAnEndByClosingAreTaken) {
  const MetadataStandIn service([](const Asked& asked) {
    const std::string right = as_ec2(asked).bytes, body = right.substr(right.find("\r\n\r\n") + 4);
    if (body.size() < 3 || asked.line().starts_with("PUT")) {
      return Reply{"HTTP/1.1 200 OK\r\n\r\n" + body};
    }
    const std::string sizes = "2\r\n" + body.substr(0, 2) + "\r\n" +
                              fmt::format("{:X}\r\n", body.size() - 2) + body.substr(2);
    return Reply{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + sizes + "\r\n0\r\n\r\n",
                 Reply::Then::kHold};
  });
  const Machine machine = ask(service);
  EXPECT_EQ(machine.cloud_label, "m7a.large");
  EXPECT_EQ(machine.cloud_life_cycle, "spot");
  EXPECT_EQ(machine.cloud_zone, "eu-central-1a");
}

TEST(InstanceMetadata, AnEndlessAnswerIsCutOff) {
  const std::string begin = "HTTP/1.1 200 OK\r\n";
  const MetadataStandIn headers([&](const Asked&) {
    return Reply{begin + "X-More: " + std::string(500, 'x') + "\r\n", Reply::Then::kRepeat};
  });
  expect_nothing(ask(headers), "more than 4096 bytes");
  const MetadataStandIn body([&](const Asked&) {
    return Reply{begin + "\r\n" + std::string(500, 'x'), Reply::Then::kRepeat};
  });
  expect_nothing(ask(body), "more than 4096 bytes");
}

TEST(InstanceMetadata, GarbageAndHalfAnswersAreRefused) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"\x16\x03\x01 hello", "not HTTP/1"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP/1"},
      {"", "ends before its body"},
      {"HTTP/1.1 200 OK\r\nServer: x\r\n", "ends before its body"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "ends within its body"}};
  for (const auto& one : table) {
    const MetadataStandIn service([&](const Asked&) { return Reply{one.first}; });
    expect_nothing(ask(service), one.second);
  }
}

TEST(InstanceMetadata, WhereNobodyListensThatIsTheCause) {
  expect_nothing(ask(deserted_port(), kPlentySeconds), "cannot be reached");
  Machine machine;
  ask_instance_metadata(machine, {"no address", 80, kPlentySeconds});
  EXPECT_THAT(machine.missing, ElementsAre(missing("instance metadata", "cannot be reached")));
}

// A token goes into a header: with a line's end it could be a request of somebody else's making.
TEST(InstanceMetadata, AStrangeTokenIsNotSentBack) {
  for (const std::string token :
       {"", "short", "abcdefgh\r\nX-Other: 1", "<html>not a token</html>"}) {
    const MetadataStandIn service([&](const Asked&) { return http_reply(200, token); });
    expect_nothing(ask(service), "does not look like");
    EXPECT_THAT(service.lines(), ElementsAre("PUT /latest/api/token"));
  }
}

TEST(InstanceMetadata, IdsInAnAnswersPlaceGetIntoNoDocument) {
  for (const std::string& id : kStandInIds) {
    const MetadataStandIn service([&](const Asked& asked) {
      return asked.line().starts_with("PUT") ? as_ec2(asked) : http_reply(200, id);
    });
    const Machine machine = ask(service);
    EXPECT_EQ(machine.cloud_label, "of DMI");
    EXPECT_EQ(machine.missing.size(), 3u) << id;
    EXPECT_THAT(machine_to_json_text(machine), Not(HasSubstr(id)));
  }
}

TEST(InstanceMetadata, KnowsWhatFactsLookLike) {
  using enum MetadataFact;
  for (const char* type : {"t3.nano", "m7a.large", "c8gn.metal-24xl", "u7i-12tb.224xlarge",
                           "m7i-flex.xlarge", "mac2-m2pro.metal", "u-6tb1.metal"}) {
    EXPECT_EQ(checked_metadata(kInstanceType, std::string(type) + "\n"), type);
  }
  for (const char* zone : {"us-east-1a", "eu-central-1b", "ap-southeast-3c", "us-gov-west-1a",
                           "us-west-2-lax-1a", "us-east-1-wl1-bos-wlz-1", "eusc-de-east-1a"}) {
    EXPECT_EQ(checked_metadata(kZone, zone), zone);
  }
  for (const char* cycle : {"on-demand", "spot", "scheduled", "capacity-block"}) {
    EXPECT_EQ(checked_metadata(kLifeCycle, cycle), cycle);
  }
  for (const char* wrong :
       {"", "<b>m7a.large</b>", "m7a.large\nm7a.large", "M7A.LARGE", "\xc3\xa9.large",
        "i-0123456789abcdef0", "i-1a2b3c4d", "ami-1a2b3c4d", "123456789012", "10.0.0.12",
        "ip-10-0-0-12", "ip-10-0-0-12.ec2.internal", "ip-10-0-0-12.eu-central-1.compute.internal",
        "arn:aws:iam::123456789012:role/x", "subnet-0a1b2c3d4e5f60718", "use1-az4"}) {
    for (const MetadataFact fact : {kInstanceType, kLifeCycle, kZone}) {
      EXPECT_EQ(checked_metadata(fact, wrong), std::nullopt) << wrong;
    }
  }
  EXPECT_EQ(checked_metadata(kZone, std::string(100000, 'a')), std::nullopt);
}

}  // namespace
}  // namespace mb
