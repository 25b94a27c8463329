// Measures a real engine against the number of threads and whatever else is varied: runs its
// command once per point and round, reads tokens/s from what it prints, watches its threads and
// writes the sweep document after every run.
//
// Rounds go over all points before any point is repeated, so that a slow change of the machine
// meets every point alike. A point that fails becomes invalid with its reason and is not tried
// again; the others go on. Counts above the CPU budget are obeyed and marked.
//
// What is varied beside threads makes labelled series: values of --vary, pinned and unpinned, alone
// and beside a neighbour.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/machine.h"
#include "data/documents/sweep.h"
#include "probes/sweep/parse_rules.h"

namespace mb {

// Something varied: `name` is a placeholder "{name}" of the command, a flag ("--batch") that is
// appended with the value, or else an environment variable.
struct SweepAxis {
  std::string name;
  std::vector<std::string> values;
};

enum class SweepOrder { kAscending, kDescending, kRandom };

struct SweepRequest {
  std::vector<std::string> command;   // without a shell; {threads} in an argument is the count
  std::vector<std::string> set_env;   // names of environment variables set to the count
  std::vector<std::string> set_flag;  // "-t": appended with the count
  // Empty: the counts that the plan would measure and the engine's own default; or the default
  // alone, where only axes are varied.
  std::vector<int> threads;
  std::vector<SweepAxis> axes;
  // Which of these to run; both: every point is measured both ways.
  bool pinned = false, unpinned = true;
  std::vector<std::string> beside;  // a neighbour that runs meanwhile: measured alone and beside it
  int repeats = 3;
  int warmups = 0;  // cold runs before each series, kept apart
  SweepOrder order = SweepOrder::kAscending;
  std::uint64_t seed = 1;            // of the random order
  double timeout_seconds = 0;        // of one run; 0: none
  std::vector<ParseRule> rules;      // empty: the built-in rules in turn
  std::string result_file;           // read after a run beside the output; placeholders as above
  std::string model;                 // as it shall be named in the document; may be empty
  std::optional<Machine> machine;    // nullopt: this one
  std::filesystem::path output;      // written after every run; empty: not written
  std::vector<SweepRun> known_runs;  // of an unfinished sweep: not made again
  // One line a run, and the document so far; may be empty.
  std::function<void(const std::string& line, const Sweep& so_far)> on_progress;
};

// Returns what was measured, also after a signal. Throws Error when the request makes no sense or
// the very first run cannot be started.
Sweep run_sweep(const SweepRequest& request);

// Words of a command line in quotes or apart; no other meaning of a shell. For --beside.
std::vector<std::string> split_command(const std::string& text);

}  // namespace mb
