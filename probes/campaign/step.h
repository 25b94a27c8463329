// One child process of a campaign: a probe with its planned points, run with files for what it is
// told and what it answers. However the child ends, the answer is a document.
#pragma once
#include <filesystem>
#include <functional>

#include "data/documents/results.h"
#include "data/plan/plan.h"
#include "data/system/files.h"

namespace mb {

struct StepRequest {
  const PlannedStep& step;
  std::filesystem::path program;
  const Machine& machine;
  std::filesystem::path machine_file;  // holds it
  std::filesystem::path work_folder;   // for the plan and the answer; exists
  double timeout_seconds = 0;
  std::function<void()> on_tick;  // about ten times a second; may be empty
  HostFiles host;                 // /proc/vmstat tells whether the kernel killed for memory
};

struct StepOutcome {
  // The child's points, and one StepRecord. A child that died, ran out of time or exited non-zero
  // has a record with verdict invalid, reason probe_failed, timed_out, oom or what its document
  // says (wrong_result), and a missing entry; the points that its document holds all the same carry
  // their own verdicts and are kept.
  Results document;
  bool interrupted = false;  // ended because the campaign was
};

StepOutcome run_step(const StepRequest& request);

// The machine probe's document; with `cloud_label` it asks the metadata service too. Throws
// Error(kFailure) when it cannot be had, Error(kInterrupted).
Results run_machine_probe(const std::filesystem::path& program,
                          const std::filesystem::path& work_folder, bool cloud_label);

// The last line that says something, for messages; at most 200 characters.
std::string last_line(const std::string& text);

}  // namespace mb
