// Runs a plan: the `machine` probe first, the plan from its document, then each step as a child
// process so that one that dies costs only its own points; journals, resumes, merges.
// Links no probe: it reads documents and starts programs.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/results.h"
#include "data/plan/plan.h"
#include "data/system/files.h"

namespace mb {

struct CampaignProgress {
  double share = 0;  // 0..1 of the planned time
  double eta_seconds = 0;
  std::string step;     // "stream_bandwidth (2 of 9)"
  std::string message;  // a finished step's line; empty on mere ticks
};

struct CampaignRequest {
  PlanRequest plan;
  std::filesystem::path output_folder;  // exists; journal and results.json go here
  std::filesystem::path probe_folder;   // where the probe programs are
  bool resume = false;                  // go on from the journal in output_folder
  bool cloud_label =
      false;  // the machine probe asks the metadata service; the one use of a network
  std::vector<std::string> command;                // recorded in the document
  std::function<void(const Machine&)> on_machine;  // once, before the first step; may be empty
  std::function<void(const CampaignProgress&)> on_progress;  // may be empty
  // When results.json of a run that was not interrupted stands, before the journal goes: what else
  // belongs into the folder is written here, so that a kill meanwhile leaves something to resume.
  std::function<void(const Results&)> on_results;  // may be empty
  HostFiles host;                                  // of the kernel; tests replace it
};

// Always returns a document, which is results.json in the output folder by then; state
// "interrupted" after a signal (the journal stays for a resume), failed steps as records with their
// verdict. Throws Error when the machine probe itself cannot run or resume does not fit.
Results run_campaign(const CampaignRequest& request);

// What the machine probe says, without a run; `cloud_label` as above. Throws Error as run_campaign.
Machine describe_this_machine(const std::filesystem::path& probe_folder, bool cloud_label);

// What the unfinished run in `folder` was asked for; nullopt when there is none to resume.
std::optional<PlanRequest> unfinished_request(const std::filesystem::path& folder);

// The folder of the running program, or libexec/memory_benchmark of an installed tree.
std::filesystem::path find_probe_folder();

}  // namespace mb
