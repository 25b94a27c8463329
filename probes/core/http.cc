// A non-blocking socket and poll with what is left until the deadline, so that a service that drips
// its answer has no more time than one that is silent. The answer is parsed anew with whatever has
// come, which at 4 KiB costs less than keeping a state.
#include "probes/core/http.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>

#include "data/error.h"
#include "data/system/clock.h"
#include "probes/core/host_text.h"

namespace mb {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

[[noreturn]] void refuse(std::string_view why) {
  throw Error(ErrorCode::kNotAvailable, fmt::format("its answer is refused: {}", why));
}

[[noreturn]] void cannot_reach(int error) {
  throw Error(ErrorCode::kNotAvailable,
              fmt::format("it cannot be reached ({})", std::generic_category().message(error)));
}

// ---- the connection

class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) cannot_reach(errno);
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// False: the time is over.
bool wait_for(const Socket& socket, short events, double deadline_seconds) {
  constexpr double kLongestWaitSeconds = 60;  // poll counts milliseconds in an int
  while (true) {
    const double left = deadline_seconds - monotonic_clock().now_seconds();
    if (left <= 0) return false;
    pollfd entry{socket.fd(), events, 0};
    const double wait_seconds = std::min(left, kLongestWaitSeconds);
    const int ready = ::poll(&entry, 1, static_cast<int>(std::ceil(wait_seconds * 1e3)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) cannot_reach(errno);
  }
}

bool connected(const Socket& socket, const HttpRequest& request, double deadline_seconds) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(static_cast<std::uint16_t>(request.port));
  if (::inet_pton(AF_INET, request.address.c_str(), &place.sin_addr) != 1) cannot_reach(EINVAL);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0) {
    return true;
  }
  if (errno != EINPROGRESS && errno != EINTR) cannot_reach(errno);
  if (!wait_for(socket, POLLOUT, deadline_seconds)) return false;
  int error = 0;
  socklen_t bytes = sizeof error;
  if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &bytes) != 0) error = errno;
  if (error != 0) cannot_reach(error);
  return true;
}

bool would_wait() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

bool sent(const Socket& socket, std::string_view text, double deadline_seconds) {
  while (!text.empty()) {
    if (!wait_for(socket, POLLOUT, deadline_seconds)) return false;
    const ssize_t bytes = ::send(socket.fd(), text.data(), text.size(), MSG_NOSIGNAL);
    if (bytes < 0 && !would_wait()) cannot_reach(errno);
    if (bytes > 0) text.remove_prefix(static_cast<std::size_t>(bytes));
  }
  return true;
}

std::optional<HttpAnswer> received(const Socket& socket, double deadline_seconds) {
  std::string answer;
  std::array<char, 1024> piece;
  while (wait_for(socket, POLLIN, deadline_seconds)) {
    const ssize_t bytes = ::recv(socket.fd(), piece.data(), piece.size(), 0);
    if (bytes < 0 && !would_wait()) cannot_reach(errno);
    if (bytes < 0) continue;
    answer.append(piece.data(), static_cast<std::size_t>(bytes));
    if (answer.size() > kMostHttpAnswerBytes) {
      refuse(fmt::format("it has more than {} bytes", kMostHttpAnswerBytes));
    }
    if (auto whole = parse_http_answer(answer, bytes == 0)) return whole;
  }
  return std::nullopt;
}

// ---- the answer

// "HTTP/1.1 200 OK" -> 200
int status_of(std::string_view line) {
  constexpr std::string_view kDigits = "0123456789";
  const bool shaped = line.size() >= 12 && line.starts_with("HTTP/1.") && line[8] == ' ' &&
                      kDigits.find(line[7]) != std::string_view::npos &&
                      (line.size() == 12 || line[12] == ' ');
  const auto status = shaped ? parse_number(line.substr(9, 3)) : std::nullopt;
  if (!status || *status < 100 || *status > 599) refuse("its first line is not HTTP's");
  return static_cast<int>(*status);
}

// How the body's end is known: by neither of these it is where the connection ends.
struct Framing {
  std::optional<std::size_t> length;
  bool chunked = false;
};

bool is_named(std::string_view name, const char* wanted) {
  return ::strcasecmp(std::string(name).c_str(), wanted) == 0;
}

Framing framing_of(std::string_view headers) {
  Framing framing;
  while (!headers.empty()) {
    const std::size_t end = std::min(headers.find(kLineEnd), headers.size());
    const std::string_view line = headers.substr(0, end);
    headers.remove_prefix(std::min(end + kLineEnd.size(), headers.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) refuse("a header has no name");
    const std::string_view name = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (is_named(name, "content-length")) {
      const auto length = parse_number(value);
      if (!length || *length < 0 || framing.length) refuse("its length is no number");
      framing.length = static_cast<std::size_t>(*length);
    } else if (is_named(name, "transfer-encoding")) {
      if (!is_named(value, "chunked")) refuse("its encoding is not known");
      framing.chunked = true;
    }
  }
  if (framing.chunked && framing.length) refuse("it has a length and chunks");
  return framing;
}

// What the chunks hold; nullopt: the last one has not come. What follows that one is passed over.
std::optional<std::string> without_chunks(std::string_view text) {
  std::string body;
  while (true) {
    const std::size_t end = text.find(kLineEnd);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view digits = trim(text.substr(0, std::min(end, text.find(';'))));
    std::size_t bytes = 0;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), bytes, 16);
    if (error != std::errc() || stop != digits.data() + digits.size()) {
      refuse("a chunk's size is no number");
    }
    if (bytes == 0) return body;
    if (bytes > kMostHttpAnswerBytes) refuse("a chunk is too large");
    text.remove_prefix(end + kLineEnd.size());
    if (text.size() < bytes + kLineEnd.size()) return std::nullopt;
    if (text.substr(bytes, kLineEnd.size()) != kLineEnd) refuse("a chunk does not end at its size");
    body.append(text.substr(0, bytes));
    text.remove_prefix(bytes + kLineEnd.size());
  }
}

std::optional<std::string> body_of(std::string_view text, const Framing& framing, bool ended) {
  if (framing.chunked) return without_chunks(text);
  if (!framing.length) return ended ? std::optional(std::string(text)) : std::nullopt;
  if (*framing.length > kMostHttpAnswerBytes) refuse("its length is too large");
  if (text.size() < *framing.length) return std::nullopt;
  return std::string(text.substr(0, *framing.length));
}

}  // namespace

std::optional<HttpAnswer> parse_http_answer(std::string_view bytes, bool ended) {
  constexpr std::string_view kBegin = "HTTP/1.", kHeadEnd = "\r\n\r\n";
  if (!kBegin.starts_with(bytes.substr(0, kBegin.size()))) refuse("it is not HTTP/1");
  const std::size_t head_bytes = bytes.find(kHeadEnd);
  if (head_bytes == std::string_view::npos) {
    if (ended) refuse("it ends before its body");
    return std::nullopt;
  }
  const std::string_view head = bytes.substr(0, head_bytes);
  const std::size_t first = std::min(head.find(kLineEnd), head.size());
  HttpAnswer answer;
  answer.status = status_of(head.substr(0, first));
  const Framing framing = framing_of(head.substr(std::min(first + kLineEnd.size(), head.size())));
  auto body = body_of(bytes.substr(head_bytes + kHeadEnd.size()), framing, ended);
  if (!body && ended) refuse("it ends within its body");
  if (!body) return std::nullopt;
  answer.body = *std::move(body);
  return answer;
}

std::optional<HttpAnswer> ask_http(const HttpRequest& request, double deadline_seconds) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
                                 request.method, request.path, request.address);
  for (const auto& [name, value] : request.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += kLineEnd;
  const Socket socket;
  if (!connected(socket, request, deadline_seconds)) return std::nullopt;
  if (!sent(socket, text, deadline_seconds)) return std::nullopt;
  return received(socket, deadline_seconds);
}

}  // namespace mb
