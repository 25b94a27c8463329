// One run of a probe: what was asked, what came of it, and the document. Knows nothing of Google
// Benchmark, which only calls `measure` for each of its rows.
#pragma once
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "probes/core/kit.h"
#include "probes/core/probe_options.h"

namespace mb {

class Session {
 public:
  // Describes the machine and makes or reads the plan. Throws Error for files and flags.
  Session(const Probe& probe, const ProbeOptions& options, std::vector<std::string> command);

  const std::vector<PlannedPoint>& points() const { return points_; }
  const Results& results() const { return results_; }
  std::string name_of(const PlannedPoint& planned) const;

  struct Outcome {
    std::optional<Point> point;
    std::string why_not;  // not available here (listed as missing), failed before, interrupted
  };
  // Measures one point and adds it to the document.
  Outcome measure(const PlannedPoint& planned);

  // Writes the document if one was asked for; returns the exit code. Rethrows what ended the
  // session (a wrong result, an error of ours) after writing.
  int finish();

 private:
  void take_steps(const std::vector<PlannedStep>& steps);
  void hold_one_point(double seconds);
  void add(const Point& point);
  void add_missing(const std::string& what, const std::string& message);
  void write(std::string_view state);
  void write_now_and_then();

  const Probe& probe_;
  const ProbeOptions options_;
  Results results_;
  ProbeKit kit_;
  std::vector<PlannedPoint> points_;
  std::exception_ptr failure_;
  bool interrupted_ = false;
  double last_write_seconds_ = 0;
};

}  // namespace mb
