// A library for LD_PRELOAD that puts a stand-in in the place of the metadata service, so that the
// programs need no way of being told another address: what connects to 169.254.169.254:80 gets to
// 127.0.0.1:$STAND_IN_PORT, and nothing gets anywhere else. Each socket (but those within the
// machine, AF_UNIX) and each place is a line in the file $STAND_IN_LOG, with the program's name.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

void note(const char* what) {
  const char* path = ::getenv("STAND_IN_LOG");
  const int fd = path == nullptr ? -1 : ::open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0) return;
  char line[256];
  ::snprintf(line, sizeof line, "%s %s\n", program_invocation_short_name, what);
  if (::write(fd, line, ::strlen(line)) < 0) ::abort();
  ::close(fd);
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int socket(int domain, int type, int protocol) noexcept {
  static auto* const real = next<int(int, int, int)>("socket");
  if (domain != AF_UNIX) note("socket");
  return real(domain, type, protocol);
}

extern "C" int connect(int fd, const sockaddr* address, socklen_t bytes) {
  static auto* const real = next<int(int, const sockaddr*, socklen_t)>("connect");
  if (address->sa_family == AF_UNIX) return real(fd, address, bytes);
  sockaddr_in place{};
  if (address->sa_family == AF_INET) ::memcpy(&place, address, sizeof place);
  char text[64];
  char dotted[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, &place.sin_addr, dotted, sizeof dotted);
  ::snprintf(text, sizeof text, "connect %s:%d", dotted, ntohs(place.sin_port));
  note(text);
  const char* port = ::getenv("STAND_IN_PORT");
  if (port == nullptr || ::strcmp(text, "connect 169.254.169.254:80") != 0) {
    errno = ENETUNREACH;
    return -1;
  }
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  place.sin_port = htons(static_cast<in_port_t>(::atoi(port)));
  return real(fd, reinterpret_cast<const sockaddr*>(&place), sizeof place);
}
