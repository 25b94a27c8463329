// One request after the other, each on a connection of its own, until the common deadline. The
// patterns are of the names that AWS has given so far, wide enough for the next of their kind, and
// too narrow for an id, a host name or an address.
#include "probes/core/instance_metadata.h"

#include <fmt/format.h>

#include <array>
#include <regex>

#include "data/error.h"
#include "data/system/clock.h"
#include "probes/core/host_text.h"
#include "probes/core/http.h"

namespace mb {
namespace {

struct Wanted {
  MetadataFact fact;
  const char* what;
  const char* path;
  std::optional<std::string> Machine::*member;
};
constexpr std::array kWanted = {
    Wanted{MetadataFact::kInstanceType, "instance type", "/latest/meta-data/instance-type",
           &Machine::cloud_label},
    Wanted{MetadataFact::kLifeCycle, "purchasing option", "/latest/meta-data/instance-life-cycle",
           &Machine::cloud_life_cycle},
    Wanted{MetadataFact::kZone, "availability zone",
           "/latest/meta-data/placement/availability-zone", &Machine::cloud_zone},
};

constexpr char kTokenSeconds[] = "60";  // that it is valid; the exchange takes one

bool is_token(std::string_view text) {
  constexpr std::string_view kBase64 =  // and its form for addresses
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=";
  constexpr std::size_t kLeastBytes = 8, kMostBytes = 256;  // AWS's have 56
  return text.size() >= kLeastBytes && text.size() <= kMostBytes &&
         text.find_first_not_of(kBase64) == std::string_view::npos;
}

const std::regex& pattern_of(MetadataFact fact) {
  // m7a.2xlarge, c8gn.metal-24xl, u7i-12tb.224xlarge, m7i-flex.large
  static const std::regex kType(
      "[a-z][a-z0-9-]{0,14}\\."
      "(nano|micro|small|medium|large|[0-9]{0,3}xlarge|metal|metal-[0-9]{1,3}xl)");
  static const std::regex kLifeCycle("[a-z]{2,16}(-[a-z]{2,16}){0,2}");  // on-demand, spot ...
  // A region, us-gov-west-1, and what tells its zones apart: b, or -lax-1a, or -wl1-bos-wlz-1
  static const std::regex kZone(
      "[a-z]{2,4}(-[a-z]{2,9}){1,2}-[0-9]{1,2}([a-z]|(-[a-z0-9]{1,4}){1,4})");
  return fact == MetadataFact::kInstanceType ? kType
         : fact == MetadataFact::kLifeCycle  ? kLifeCycle
                                             : kZone;
}

// The fact that the service answers with; throws Error(kNotAvailable) with the cause.
std::string ask(const MetadataService& service, const HttpRequest& request, MetadataFact fact,
                double deadline_seconds) {
  const auto fail = [](std::string_view why) {
    throw Error(ErrorCode::kNotAvailable, fmt::format("metadata service: {}", why));
  };
  std::optional<HttpAnswer> answer;
  try {
    answer = ask_http(request, deadline_seconds);
  } catch (const Error& error) {
    fail(error.what());
  }
  if (!answer) {
    throw Error(
        ErrorCode::kNotAvailable,
        fmt::format("no answer from the metadata service within {:g} s", service.timeout_seconds));
  }
  if (answer->status != 200) fail(fmt::format("it answers with HTTP status {}", answer->status));
  auto value = checked_metadata(fact, answer->body);
  if (!value) fail("its answer does not look like what was asked for");
  return *std::move(value);
}

}  // namespace

std::optional<std::string> checked_metadata(MetadataFact fact, std::string_view body) {
  constexpr std::size_t kMostBytes = 40;  // of a name; bounds the patterns' work
  const std::string text(trim(body));
  const bool right = fact == MetadataFact::kToken
                         ? is_token(text)
                         : text.size() <= kMostBytes && std::regex_match(text, pattern_of(fact));
  return right ? std::optional(text) : std::nullopt;
}

void ask_instance_metadata(Machine& machine, const MetadataService& service) {
  const double deadline = monotonic_clock().now_seconds() + service.timeout_seconds;
  HttpRequest request{
      service.address,
      service.port,
      "PUT",
      "/latest/api/token",
      {{"X-aws-ec2-metadata-token-ttl-seconds", kTokenSeconds}, {"Content-Length", "0"}}};
  try {
    const std::string token = ask(service, request, MetadataFact::kToken, deadline);
    request.method = "GET";
    request.headers = {{"X-aws-ec2-metadata-token", token}};
  } catch (const Error& error) {
    machine.missing.push_back(
        {"instance metadata", error.what(),
         "outside of EC2 leave --cloud-label away; inside, enable the instance's metadata endpoint "
         "and, for a container, a hop limit of 2"});
    return;
  }
  for (const Wanted& wanted : kWanted) {
    try {
      request.path = wanted.path;
      machine.*wanted.member = ask(service, request, wanted.fact, deadline);
    } catch (const Error& error) {
      machine.missing.push_back({wanted.what, error.what(), "none needed; it is only recorded"});
    }
  }
}

}  // namespace mb
