// The one error type of the house, for what cannot go on.
//
// A machine that differs from the expected (no PMU, no huge pages, one node) is NOT an error: it is
// a value (`Validity::kUnavailable`, std::nullopt with a reason). Thrown: a document that cannot be
// read, a flag that makes no sense, memory that is not there. Libraries throw, never print and
// never exit; `main` catches once, prints `what()` as one line on stderr and exits with
// `exit_code()`.
//
// A message names the culprit (file, field or flag), what was expected, and what to do.
#pragma once
#include <stdexcept>
#include <string>

namespace mb {

// Values are the process exit codes (stress-ng's scheme; DESIGN section 7).
enum class ErrorCode : int {
  kFailure = 1,        // a file, a child or a computation failed
  kUsage = 2,          // a flag or an argument
  kNoResource = 3,     // memory, disk or /dev/shm too small
  kNotAvailable = 4,   // not possible on this machine
  kInterrupted = 5,    // a signal ended the work; what was measured is kept
  kUntrustworthy = 7,  // measured, but the requested result is invalid
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }
  int exit_code() const { return static_cast<int>(code_); }

 private:
  ErrorCode code_;
};

}  // namespace mb
