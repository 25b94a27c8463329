// Child processes: started without a shell in a session of their own (no terminal that could stop
// them), watched, bounded in time and in captured output, and ended as a group. A child dies with
// its parent (PDEATHSIG).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

struct ChildRequest {
  std::vector<std::string> argv;                   // argv[0] is a path or found in PATH
  std::map<std::string, std::string> environment;  // added to or replacing the parent's
  double timeout_seconds = 0;                      // 0: none
  std::size_t max_output_bytes = 1u << 20;         // of each stream; the tail is kept
  // Called with each complete stdout line as it comes; may be empty.
  std::function<void(std::string_view line)> on_line;
  // Called about ten times a second with the child's pid; may be empty.
  std::function<void(int pid)> on_tick;
  std::vector<int> cpus;  // that it may run on; empty: ours
  // Called once with the child's pid before it becomes the program; may be empty.
  std::function<void(int pid)> before_exec;
  // Asked about ten times a second: true ends the child as its timeout would; may be empty.
  std::function<bool()> stop;
  // Ends also what left the child's session (daemons): processes that were started after it and
  // whose parents have ended. For programs that run no other children of unknown origin meanwhile.
  bool end_orphans = false;
};

struct ChildResult {
  int exit_code = -1;  // valid when signal == 0
  int signal = 0;      // that ended it
  bool timed_out = false, not_found = false, interrupted = false;
  bool stopped = false;  // ChildRequest::stop said so
  double seconds = 0;
  // Of the child and those of its children that it waited for.
  double cpu_seconds = 0;
  std::int64_t peak_rss_bytes = 0;  // of the largest of them
  std::int64_t voluntary_switches = 0, involuntary_switches = 0;
  std::string standard_output, standard_error;
  bool ok() const { return exit_code == 0 && signal == 0 && !timed_out && !not_found && !stopped; }
  std::string describe() const;  // "exit 1", "killed by SIGKILL (out of memory?)", "timed out ..."
};

// Blocks until the child ends, its time is over, or interrupt_requested(); leaves no process
// behind.
ChildResult run_child(const ChildRequest& request);

// SIGINT, SIGTERM and SIGHUP set a flag that long work polls; a second signal ends at once.
void install_interrupt_handler();
bool interrupt_requested();

}  // namespace mb
