// A metadata service on a loopback port, for tests: one thread answers one connection after the
// other with what a function says, and keeps what it was asked. as_ec2 answers as Amazon's does,
// and has all the ids that nobody may take.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mb {

struct Asked {
  std::string text;  // the request's head as it came
  std::string line() const { return text.substr(0, text.find(" HTTP/1.1\r\n")); }  // "GET /path"
  std::string header(const std::string& name) const {
    const std::string begin = "\r\n" + name + ": ";
    const std::size_t at = text.find(begin);
    if (at == std::string::npos) return "";
    const std::size_t value = at + begin.size();
    return text.substr(value, text.find("\r\n", value) - value);
  }
};

struct Reply {
  std::string bytes;
  enum class Then { kClose, kHold, kRepeat } then = Then::kClose;  // hold: until the asker goes
  std::chrono::milliseconds pause{0};  // after each byte; 0: all at once
};

inline Reply http_reply(int status, const std::string& body) {
  return {"HTTP/1.1 " + std::to_string(status) + " Some Words\r\nContent-Type: text/plain\r\n" +
          "Content-Length: " + std::to_string(body.size()) + "\r\nServer: EC2ws\r\n\r\n" + body};
}

inline constexpr char kStandInToken[] = "AQAEAN-StandIn_56lettersLongAsThoseOfTheRealService0000==";
// What must be found in no document.
inline const std::vector<std::string> kStandInIds = {
    "i-0123456789abcdef0", "123456789012", "ami-0fedcba9876543210", "ip-10-0-0-12", "10.0.0.12",
    "SECRETKEY",           kStandInToken};

inline Reply as_ec2(const Asked& asked) {
  static const std::map<std::string, std::string> kFacts = {
      {"instance-type", "m7a.large"},
      {"instance-life-cycle", "spot"},
      {"placement/availability-zone", "eu-central-1a"},
      {"instance-id", "i-0123456789abcdef0"},
      {"ami-id", "ami-0fedcba9876543210"},
      {"hostname", "ip-10-0-0-12.eu-central-1.compute.internal"},
      {"local-ipv4", "10.0.0.12"},
      {"identity-credentials/ec2/info", "{\"AccountId\": \"123456789012\"}"},
      {"iam/security-credentials/role", "SECRETKEY"}};
  if (asked.line() == "PUT /latest/api/token") {
    const int seconds = std::atoi(asked.header("X-aws-ec2-metadata-token-ttl-seconds").c_str());
    return seconds < 1 || seconds > 21600 ? http_reply(400, "") : http_reply(200, kStandInToken);
  }
  if (asked.header("X-aws-ec2-metadata-token") != kStandInToken) return http_reply(401, "");
  const std::string begin = "GET /latest/meta-data/";
  const auto fact = kFacts.find(asked.line().substr(std::min(begin.size(), asked.line().size())));
  return fact == kFacts.end() ? http_reply(404, "") : http_reply(200, fact->second);
}

class MetadataStandIn {
 public:
  explicit MetadataStandIn(std::function<Reply(const Asked&)> reply)
      : reply_(std::move(reply)), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof place;
    auto* address = reinterpret_cast<sockaddr*>(&place);
    if (fd_ < 0 || ::bind(fd_, address, bytes) != 0 || ::listen(fd_, 8) != 0 ||
        ::getsockname(fd_, address, &bytes) != 0) {
      throw std::runtime_error("no loopback port");
    }
    port_ = ntohs(place.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~MetadataStandIn() {
    stop_ = true;
    thread_.join();
    ::close(fd_);
  }
  MetadataStandIn(const MetadataStandIn&) = delete;
  MetadataStandIn& operator=(const MetadataStandIn&) = delete;

  int port() const { return port_; }
  std::vector<Asked> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (const Asked& one : asked()) lines.push_back(one.line());
    return lines;
  }

 private:
  // True when there is something to take, false when the test is over.
  bool readable(int fd) const {
    while (!stop_) {
      pollfd entry{fd, POLLIN, 0};
      if (::poll(&entry, 1, 20) > 0) return true;
    }
    return false;
  }

  void serve() {
    while (readable(fd_)) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      answer(fd);
      ::close(fd);
    }
  }

  void answer(int fd) {
    Asked asked;
    while (asked.text.find("\r\n\r\n") == std::string::npos) {
      char piece[512];
      const ssize_t bytes = readable(fd) ? ::recv(fd, piece, sizeof piece, 0) : 0;
      if (bytes <= 0) return;
      asked.text.append(piece, static_cast<std::size_t>(bytes));
    }
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(asked);
    }
    const Reply reply = reply_(asked);
    bool taken = send(fd, reply);
    while (taken && reply.then == Reply::Then::kRepeat && !stop_) taken = send(fd, reply);
    char byte = 0;
    if (reply.then == Reply::Then::kHold && readable(fd)) taken = ::recv(fd, &byte, 1, 0) > 0;
  }

  bool send(int fd, const Reply& reply) const {
    const std::size_t step = reply.pause.count() == 0 ? reply.bytes.size() : 1;
    for (std::size_t at = 0; at < reply.bytes.size() && !stop_; at += step) {
      if (::send(fd, reply.bytes.data() + at, step, MSG_NOSIGNAL) <= 0) return false;
      if (reply.pause.count() != 0) std::this_thread::sleep_for(reply.pause);
    }
    return true;
  }

  std::function<Reply(const Asked&)> reply_;
  int fd_, port_ = 0;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<Asked> asked_;
  std::thread thread_;
};

// A loopback port that nobody listens on, held so that nobody else comes to.
inline int deserted_port() {
  static const int port = [] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);  // stays open as long as the program
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no loopback port to be had");
    }
    return static_cast<int>(ntohs(address.sin_port));
  }();
  return port;
}

}  // namespace mb
