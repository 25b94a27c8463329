// fork and exec with three pipes: standard output, standard error, and one that exec closes, on
// which a failed exec says its errno, so that "not found" is told apart from any exit code.
//
// The parent loops over poll: it drains the pipes, looks whether the leader has
// ended (waitid with WNOWAIT: the zombie keeps its process group id ours), keeps time and polls the
// interrupt flag. Whatever ends the loop, also an exception of a callback, the guard's destructor
// kills the whole group before the leader is reaped: nothing is left behind.
//
// What left the group (a daemon) is found where asked: as a "subreaper" we become the parent of
// orphans below us, and every child of ours that no run_child() started is one.
#include "data/system/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>

#include "data/error.h"
#include "data/system/clock.h"
#include "data/system/descriptor.h"
#include "data/system/files.h"

extern char** environ;

namespace mb {
namespace {

// Few wake-ups: we share the CPUs with what is being measured. The end of the child wakes us at
// once where the kernel has pidfd (5.3 and later), else within the short period.
constexpr int kPollMilliseconds = 100, kPollMillisecondsWithoutPidfd = 20;
constexpr double kTickSeconds = 0.1;
// Between SIGTERM and SIGKILL: a probe ends its current sample and writes its document.
constexpr double kGraceSeconds = 3;

// Children that run_child() started and has not reaped.
std::mutex leaders_mutex;
std::set<pid_t> leaders;

std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free);  // touched by a signal handler

void on_interrupt(int) {
  // The exit code of kInterrupted; children die by PDEATHSIG.
  if (interrupts.fetch_add(1) > 0) ::_exit(static_cast<int>(ErrorCode::kInterrupted));
}

struct Pipe {
  Descriptor read, write;
};

// Past the standard three, which dup2 in the child would overwrite when we were started with one of
// them closed.
Descriptor above_standard(Descriptor fd) {
  if (!fd || fd.get() > STDERR_FILENO) return fd;
  return Descriptor(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Error(ErrorCode::kNoResource,
                fmt::format("cannot make a pipe: {}; raise the limit of open "
                            "files (ulimit -n)",
                            std::strerror(errno)));
  }
  return {above_standard(Descriptor(ends[0])), above_standard(Descriptor(ends[1]))};
}

// argv[0] as exec wants it: PATH is searched here, because after fork only calls that are safe in
// a signal handler may be made.
std::string find_program(const std::string& name, const std::map<std::string, std::string>& added) {
  if (name.find('/') != std::string::npos) return name;
  const auto own = added.find("PATH");
  const char* inherited = ::getenv("PATH");
  std::string path = own != added.end() ? own->second : inherited ? inherited : "/usr/bin:/bin";
  for (std::size_t start = 0; start <= path.size();) {
    const auto end = std::min(path.find(':', start), path.size());
    const std::string folder = path.substr(start, end - start);
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    start = end + 1;
  }
  return {};  // exec says ENOENT
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> merged;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string text = *entry;
    if (!added.contains(text.substr(0, text.find('=')))) merged.push_back(text);
  }
  for (const auto& [name, value] : added) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

struct Prepared {  // all that the child needs, made before fork
  std::string program;
  std::vector<std::string> arguments, environment;
  Pipe out, err, exec_error, go;  // go: the child waits for a byte before it becomes the program
  Descriptor null;
  std::vector<unsigned long> cpu_mask;  // empty: ours
  pid_t parent = ::getpid();
};

// In the child: only async-signal-safe calls.
[[noreturn]] void become(const Prepared& child, char* const* argv, char* const* envp) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != child.parent) ::_exit(127);  // the parent died before prctl
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(child.null.get(), STDIN_FILENO);
  ::dup2(child.out.write.get(), STDOUT_FILENO);
  ::dup2(child.err.write.get(), STDERR_FILENO);
  if (!child.cpu_mask.empty()) {
    ::syscall(SYS_sched_setaffinity, 0, child.cpu_mask.size() * sizeof(unsigned long),
              child.cpu_mask.data());
  }
  ::close(child.go.write.get());  // our copy, or the pipe would never end
  char byte;
  while (::read(child.go.read.get(), &byte, 1) < 0 && errno == EINTR) {
  }
  ::execve(child.program.c_str(), argv, envp);
  const int error = errno;
  [[maybe_unused]] const auto put = ::write(child.exec_error.write.get(), &error, sizeof error);
  ::_exit(127);
}

// Owns the process group; its end is the group's end.
class Group {
 public:
  explicit Group(pid_t pid) : pid_(pid) {}
  ~Group() { finish(); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  void send(int signal) const { ::kill(-pid_, signal); }

  bool leader_ended() const {
    siginfo_t info{};
    const int rc = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return rc == 0 && info.si_pid == pid_;
  }

  // Kills what is left of the group, reaps the leader; its wait status.
  int finish() {
    if (finished_) return status_;
    finished_ = true;
    send(SIGKILL);
    ::kill(pid_, SIGKILL);  // it may not lead its group yet
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
    const std::scoped_lock lock(leaders_mutex);  // a reaped pid may be another child's at once
    ::wait4(pid_, &status_, 0, &usage_);
    leaders.erase(pid_);
    return status_;
  }
  const rusage& usage() const { return usage_; }  // after finish()

 private:
  pid_t pid_;
  int status_ = 0;
  rusage usage_{};
  bool finished_ = false;
};

// Field 22 of /proc/PID/stat: ticks from boot to the start of the process.
std::optional<long long> start_ticks(pid_t pid) {
  const auto text = HostFiles().read(fmt::format("/proc/{}/stat", pid));
  if (!text || text->rfind(')') == std::string::npos) return std::nullopt;
  std::istringstream rest(text->substr(text->rfind(')') + 1));
  std::string word;
  for (int field = 3; field <= 22; ++field) rest >> word;
  return rest ? std::optional(std::atoll(word.c_str())) : std::nullopt;
}

std::vector<pid_t> our_children() {
  const HostFiles files;
  std::vector<pid_t> children;
  for (const std::string& thread : files.list("/proc/self/task")) {
    std::istringstream list(
        files.read(fmt::format("/proc/self/task/{}/children", thread)).value_or(""));
    for (pid_t pid; list >> pid;) children.push_back(pid);
  }
  return children;
}

// Kills and reaps the orphans that were started at `since` or later. Their own children become
// ours, so it goes on until there is none; a few rounds more than any program nests.
void end_orphans(long long since) {
  constexpr int kMostRounds = 64;
  for (int round = 0; round < kMostRounds; ++round) {
    const std::scoped_lock lock(leaders_mutex);
    bool found = false;
    for (const pid_t pid : our_children()) {
      const auto started = start_ticks(pid);
      if (leaders.contains(pid) || !started || *started < since) continue;
      found = true;
      ::kill(pid, SIGKILL);
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    if (!found) return;
  }
}

// One captured stream: the tail of everything, and complete lines to a callback.
class Capture {
 public:
  Capture(Descriptor fd, std::size_t max_bytes, std::function<void(std::string_view)> on_line)
      : fd_(std::move(fd)), max_bytes_(max_bytes), on_line_(std::move(on_line)) {
    ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  }

  int fd() const { return fd_.get(); }  // -1 after the end: poll passes over it

  void drain() {
    std::array<char, 1 << 14> buffer;
    while (fd_) {
      const auto got = ::read(fd_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        fd_.reset();
        return;
      }
      take({buffer.data(), static_cast<std::size_t>(got)});
    }
  }

  std::string finish() {
    if (on_line_ && !line_.empty()) on_line_(line_);
    if (text_.size() > max_bytes_) text_.erase(0, text_.size() - max_bytes_);
    return std::move(text_);
  }

 private:
  void take(std::string_view bytes) {
    text_ += bytes;
    if (text_.size() > 2 * max_bytes_ + (1u << 16)) text_.erase(0, text_.size() - max_bytes_);
    if (!on_line_) return;
    for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
      line_ += bytes.substr(0, end);
      on_line_(std::exchange(line_, {}));
      bytes.remove_prefix(end + 1);
    }
    // A "line" without end is cut where the capture is: memory stays bounded.
    if (line_.size() < max_bytes_) line_ += bytes;
  }

  Descriptor fd_;
  std::size_t max_bytes_;
  std::function<void(std::string_view)> on_line_;
  std::string text_, line_;
};

// errno of a failed exec, or 0. Blocks only until exec, which closes the pipe.
int exec_error(const Descriptor& pipe) {
  int error = 0;
  ssize_t got;
  do {
    got = ::read(pipe.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(sizeof error) ? error : 0;
}

// Time, signals and ticks of a running child.
class Watch {
 public:
  Watch(const ChildRequest& request, const Group& group, pid_t pid)
      : request_(request), group_(group), pid_(pid), start_(now()), last_tick_(start_) {}

  double seconds() const { return now() - start_; }

  void look(ChildResult& result) {
    if (!ending_) {
      result.timed_out = request_.timeout_seconds > 0 && seconds() > request_.timeout_seconds;
      result.interrupted = interrupt_requested();
      result.stopped = request_.stop && request_.stop();
      if (result.timed_out || result.interrupted || result.stopped) {
        group_.send(SIGTERM);
        group_.send(SIGCONT);  // a stopped process would not see it
        ending_ = true;
        ending_since_ = now();
      }
    } else if (now() - ending_since_ > kGraceSeconds) {
      group_.send(SIGKILL);
    }
    if (request_.on_tick && now() - last_tick_ >= kTickSeconds) {
      last_tick_ = now();
      request_.on_tick(pid_);
    }
  }

 private:
  static double now() { return monotonic_clock().now_seconds(); }

  const ChildRequest& request_;
  const Group& group_;
  pid_t pid_;
  double start_, last_tick_;
  bool ending_ = false;  // SIGTERM was sent
  double ending_since_ = 0;
};

Prepared prepare(const ChildRequest& request) {
  if (request.argv.empty()) throw Error(ErrorCode::kUsage, "no command given: name a program");
  Prepared child;
  child.program = find_program(request.argv.front(), request.environment);
  child.arguments = request.argv;
  child.environment = merged_environment(request.environment);
  child.out = make_pipe();
  child.err = make_pipe();
  child.exec_error = make_pipe();
  child.go = make_pipe();
  constexpr std::size_t kBits = 8 * sizeof(unsigned long);
  for (const int cpu : request.cpus) {
    const auto bit = static_cast<std::size_t>(cpu);
    if (child.cpu_mask.size() <= bit / kBits) child.cpu_mask.resize(bit / kBits + 1);
    child.cpu_mask[bit / kBits] |= 1ul << bit % kBits;
  }
  child.null = above_standard(Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  return child;
}

pid_t start(Prepared& child, const ChildRequest& request) {
  const std::vector<char*> argv = pointers(child.arguments);
  const std::vector<char*> envp = pointers(child.environment);
  const std::scoped_lock lock(leaders_mutex);
  const pid_t pid = ::fork();
  if (pid == 0) become(child, argv.data(), envp.data());
  if (pid < 0) {
    throw Error(ErrorCode::kNoResource,
                fmt::format("cannot start {}: {}; raise the limit of processes (ulimit -u)",
                            request.argv.front(), std::strerror(errno)));
  }
  leaders.insert(pid);
  return pid;
}

void take_usage(const rusage& usage, ChildResult& result) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  result.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  result.peak_rss_bytes = std::int64_t{usage.ru_maxrss} * 1024;
  result.voluntary_switches = usage.ru_nvcsw;
  result.involuntary_switches = usage.ru_nivcsw;
}

// While it lives, orphans below us become our children; at its end they are killed.
class Orphans {
 public:
  explicit Orphans(bool wanted) : wanted_(wanted) {
    if (wanted_) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  void started(pid_t leader) {
    if (wanted_) since_ = start_ticks(leader).value_or(kUnknown);
  }
  ~Orphans() {
    if (since_ != kUnknown) end_orphans(since_);
  }
  Orphans(const Orphans&) = delete;
  Orphans& operator=(const Orphans&) = delete;

 private:
  static constexpr long long kUnknown = -1;
  bool wanted_;
  long long since_ = kUnknown;
};

}  // namespace

ChildResult run_child(const ChildRequest& request) {
  Prepared child = prepare(request);
  Orphans orphans(request.end_orphans);
  const pid_t pid = start(child, request);
  Group group(pid);
  orphans.started(pid);
  if (request.before_exec) request.before_exec(pid);
  // A byte or, where even that cannot be written, the end of the pipe: either lets the child go.
  [[maybe_unused]] const auto put = ::write(child.go.write.get(), "", 1);
  child.go.write.reset();
  for (Pipe* pipe : {&child.out, &child.err, &child.exec_error}) pipe->write.reset();

  ChildResult result;
  Watch watch(request, group, pid);
  if (const int error = exec_error(child.exec_error.read); error != 0) {
    result.not_found = true;
    result.exit_code = 127;
    result.standard_error =
        fmt::format("cannot run {}: {}", request.argv.front(), std::strerror(error));
    return result;
  }
  Capture out(std::move(child.out.read), request.max_output_bytes, request.on_line);
  Capture err(std::move(child.err.read), request.max_output_bytes, {});
  const Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int period = pidfd ? kPollMilliseconds : kPollMillisecondsWithoutPidfd;
  while (!group.leader_ended()) {
    std::array<pollfd, 3> fds = {pollfd{out.fd(), POLLIN, 0}, pollfd{err.fd(), POLLIN, 0},
                                 pollfd{pidfd.get(), POLLIN, 0}};
    ::poll(fds.data(), fds.size(), period);
    out.drain();
    err.drain();
    watch.look(result);
  }
  result.seconds = watch.seconds();
  const int status = group.finish();
  take_usage(group.usage(), result);
  out.drain();
  err.drain();
  result.standard_output = out.finish();
  result.standard_error = err.finish();
  if (WIFSIGNALED(status)) {
    result.signal = WTERMSIG(status);
  } else {
    result.exit_code = WEXITSTATUS(status);
  }
  return result;
}

std::string ChildResult::describe() const {
  if (not_found) return standard_error;
  if (timed_out) return fmt::format("stopped after {:.1f} s: its time was over", seconds);
  if (interrupted) return "interrupted";
  if (stopped) return "stopped";
  if (signal != 0) {
    const char* name = ::sigabbrev_np(signal);
    return fmt::format("killed by {}{}{}", name ? "SIG" : "signal ",
                       name ? std::string(name) : std::to_string(signal),
                       signal == SIGKILL ? " (out of memory?)" : "");
  }
  return fmt::format("exit {}", exit_code);
}

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: a blocked read or poll returns
  ::sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a closed stdout is a write error with a message, not a death
}

bool interrupt_requested() { return interrupts.load() > 0; }

}  // namespace mb
