// One HTTP/1.1 request over one TCP connection and its answer: as much as the metadata service of a
// cloud machine asks for (RFC 9112), and all the network code that the house has.
//
// Promises: only the address that is given is asked, no name is looked up, no proxy and no redirect
// is followed; connecting, sending and receiving end together at the deadline; of an answer at most
// kMostHttpAnswerBytes are kept. An answer is hostile input: what is not plainly HTTP is refused.
// Nothing is shared, so threads may call at once.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mb {

inline constexpr std::size_t kMostHttpAnswerBytes = 4096;  // headers and body together

struct HttpRequest {
  std::string address;  // IPv4 in dotted form
  int port = 80;
  std::string method, path;
  std::vector<std::pair<std::string, std::string>> headers;  // beside Host and Connection: close
};

struct HttpAnswer {
  int status = 0;    // 200 ...
  std::string body;  // without its chunks' sizes
  bool operator==(const HttpAnswer&) const = default;
};

// `deadline_seconds` is a time of monotonic_clock(). nullopt: there was no whole answer by then.
// Throws Error(kNotAvailable), one line, when the connection or the answer is refused.
std::optional<HttpAnswer> ask_http(const HttpRequest& request, double deadline_seconds);

// The answer whose bytes so far are these; `ended`: no more will come. nullopt (never when ended):
// it is not whole yet. Throws Error(kNotAvailable), one line.
std::optional<HttpAnswer> parse_http_answer(std::string_view bytes, bool ended);

}  // namespace mb
