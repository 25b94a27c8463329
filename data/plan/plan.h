// Which points to measure on a machine within a time budget: a pure function of the machine
// document, used by the campaign and by a probe that is started alone.
//
// The budget is dealt to the probes by fixed shares (see plan.cc), inside a probe evenly over its
// points. When a point would get less than its least useful time, points are dropped in the order
// of the least loss: middle thread counts first, boundaries (1, L3 domain, NUMA node, physical
// cores, physical + 1, all) last. A point's own set-up is part of its seconds; first touch of the
// large buffers that a probe's points share is kept aside beforehand, since it cannot be shortened.
//
// Placements, the NUMA matrix, hand-made working sets and other axes that no prediction needs are
// planned when one probe runs alone or the budget is 180 s and more.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "data/documents/machine.h"
#include "data/documents/parameters.h"

namespace mb {

struct PlannedPoint {
  Parameters parameters;
  double seconds = 0.5;  // target wall time of the point, set-up included
  bool operator==(const PlannedPoint&) const = default;
};

// One child process: a probe with its points, in one environment (libgomp reads its wait policy
// once at load, so active and passive waiting are two steps).
struct PlannedStep {
  std::string probe;
  std::map<std::string, std::string> environment;
  std::vector<PlannedPoint> points;
  double set_up_seconds =
      0;  // first touch of what all points share; the process start comes on top
  double seconds() const;
  bool operator==(const PlannedStep&) const = default;
};

struct Plan {
  double budget_seconds = 60;
  std::vector<PlannedStep> steps;
  std::vector<Missing> missing;  // what is left out here and why ("no hardware threads to compare")
  double seconds() const;
};

struct PlanRequest {
  double budget_seconds = 60;
  std::vector<int> threads;         // empty: chosen from the machine; else capped by the budget
  std::vector<std::string> models;  // of the step probes; empty: the default two
  std::vector<std::string> probes;  // empty: all
  // Beside the budget: how long one prefill step is repeated on all threads, at the end, to see
  // what heat or used-up CPU credits leave of its rate. 0: not at all.
  double sustain_seconds = 0;
};

// Names of all probes that the plan knows, in the order in which they are run.
const std::vector<std::string>& planned_probes();

// 1, powers of two and every boundary (cores of one L3 domain, of one NUMA node, of one package,
// performance cores, physical cores, physical + 1, all PUs), capped by the effective CPU budget.
std::vector<int> thread_counts(const Machine& machine);

// The boundaries alone, each with its name, for charts and for what must not be dropped.
std::map<int, std::string> thread_boundaries(const Machine& machine);

// Throws Error(kUsage) for an unknown probe or a thread list with nothing inside the budget.
Plan make_plan(const Machine& machine, const PlanRequest& request);

std::string to_json_text(const PlannedStep& step);
PlannedStep step_from_json_text(std::string_view text, std::string_view origin);  // throws Error

}  // namespace mb
