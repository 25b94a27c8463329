// Measures a real engine against the number of threads: runs its command once per count and round,
// reads tokens/s from what it prints, writes the sweep document after every run.
//
// Rounds go over all counts before any count is repeated, so that a slow change of the machine
// meets every count alike. A count that fails becomes an invalid point with its reason and is not
// tried again; the others go on. Counts above the CPU budget are obeyed and marked.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/machine.h"
#include "data/documents/sweep.h"
#include "probes/sweep/parse_rules.h"

namespace mb {

struct SweepRequest {
  std::vector<std::string> command;  // without a shell; {threads} in an argument is the count
  std::string set_env;               // name of an environment variable set to the count; or empty
  std::string set_flag;              // "-t": appended with the count; or empty
  std::vector<int> threads;          // empty: the counts that the plan would measure
  int repeats = 3;
  double timeout_seconds = 0;      // of one run; 0: none
  std::vector<ParseRule> rules;    // empty: the built-in rules in turn
  std::string model;               // as it shall be named in the document; may be empty
  std::optional<Machine> machine;  // nullopt: this one
  std::filesystem::path output;    // written after every run; empty: not written
  std::function<void(const std::string& line)> on_progress;  // one line a run; may be empty
};

// Returns what was measured, also after a signal. Throws Error when the command cannot be started
// or nothing tells it the thread count.
Sweep run_sweep(const SweepRequest& request);

}  // namespace mb
