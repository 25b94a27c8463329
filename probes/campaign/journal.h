// The campaign's journal: what was asked, on which machine, what was planned and which steps are
// finished, one line each, so that a run that was killed goes on where it stopped.
//
// A line is a word and its payload; documents are stored as their JSON text on one line. The data
// room's journal adds a checksum to each line and skips a torn last one.
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/documents/results.h"
#include "data/plan/plan.h"

namespace mb {

inline constexpr char kJournalName[] = "campaign.journal";

struct Journal {
  PlanRequest request;
  Results start;  // the machine probe's document, and what the plan could not ask for
  std::vector<PlannedStep> steps;
  std::map<std::size_t, Results> finished;  // by index of the step
};

// Writes all but the finished steps.
void begin_journal(const std::filesystem::path& path, const Journal& journal);
void append_finished(const std::filesystem::path& path, std::size_t step, const Results& results);

// nullopt when there is none or it ended before its plan was whole (then nothing was measured).
std::optional<Journal> read_campaign_journal(const std::filesystem::path& path);

// Throw Error(kUsage) that names what differs. Free memory, load and the like may differ.
void require_same_machine(const Machine& then, const Machine& now);
void require_same_request(const PlanRequest& then, const PlanRequest& now);

}  // namespace mb
