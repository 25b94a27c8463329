// Child processes: started without a shell in a process group of their own, watched, bounded in
// time and in captured output, and ended as a group. A child dies with its parent (PDEATHSIG).
#pragma once
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
};

struct ChildResult {
  int exit_code = -1;  // valid when signal == 0
  int signal = 0;      // that ended it
  bool timed_out = false, not_found = false, interrupted = false;
  double seconds = 0;
  std::string standard_output, standard_error;
  bool ok() const { return exit_code == 0 && signal == 0 && !timed_out && !not_found; }
  std::string describe() const;  // "exit 1", "killed by SIGKILL (out of memory?)", "timed out ..."
};

// Blocks until the child ends, its time is over, or interrupt_requested(); leaves no process
// behind.
ChildResult run_child(const ChildRequest& request);

// SIGINT, SIGTERM and SIGHUP set a flag that long work polls; a second signal ends at once.
void install_interrupt_handler();
bool interrupt_requested();

}  // namespace mb
