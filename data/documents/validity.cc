// The words of verdicts and the closed table of reasons. Limits stand where they are applied
// (probes/core); here is what each reason means to a person and what can be done about it.
#include "data/documents/validity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "data/error.h"

namespace mb {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"valid", "noisy", "invalid", "unavailable"};

}  // namespace

void Verdict::worsen(Validity at_least, std::string_view code, std::string_view detail) {
  validity = std::max(validity, at_least);
  Reason reason{std::string(code), std::string(detail)};
  if (std::ranges::find(reasons, reason) == reasons.end()) reasons.push_back(std::move(reason));
}

std::string_view to_string(Validity validity) { return kWords[static_cast<std::size_t>(validity)]; }

Validity validity_from_string(std::string_view text) {
  const auto found = std::ranges::find(kWords, text);
  if (found == kWords.end()) {
    throw Error(ErrorCode::kFailure,
                fmt::format("a validity (valid, noisy, invalid or unavailable), not \"{}\"", text));
  }
  return static_cast<Validity>(found - kWords.begin());
}

const std::vector<ReasonText>& reason_texts() {
  static const std::vector<ReasonText> texts = {
      {"steal", "The hypervisor ran somebody else on our CPUs.",
       "Measure again at a quieter time or on a dedicated instance."},
      {"throttled", "The CPU quota of the container stopped our threads.",
       "Raise the quota or measure with fewer threads."},
      {"switches", "Other processes took our CPUs often.", "Stop other work on this machine."},
      {"migrations", "A pinned thread was found on another CPU.",
       "See whether a cpuset or an affinity tool changes masks while we run."},
      {"major_faults", "Pages were read from disk while time was taken.",
       "Free memory, or plan smaller buffers."},
      {"clock_drift", "The CPU clock at the end was not that of the start.",
       "Let the machine warm up; fix the frequency if that is yours to do."},
      {"pressure", "Runnable tasks waited for a CPU.", "Stop other work on this machine."},
      {"slope", "The samples rise or fall steadily.",
       "Measure longer; a machine that warms up or a neighbour that comes needs time."},
      {"spread", "The samples lie far apart.", "Measure longer or at a quieter time."},
      {"first_sample", "The first sample is far from the others.",
       "None needed: the median does not follow it."},
      {"brief", "Too brief for what neighbours do: memory is shared with guests that come and go.",
       "Give a larger budget; several runs at different times tell more."},
      {"few_samples", "Too few samples for an interval.", "Give a larger budget."},
      {"short_sample", "A sample is too short for the clock.", "Report it: the work must grow."},
      {"multiplexed", "More counters were asked for than the PMU can count at once.",
       "Read counts as estimates."},
      {"bimodal", "The samples fall into two groups: the machine has two states.",
       "Both are shown; measure again later to see which is usual."},
      {"wrong_result", "The kernel's result was wrong.",
       "Do not trust this machine or build: test memory, rebuild, report."},
      {"above_peak", "More than the hardware can deliver.",
       "Check the theoretical peak and that the buffer exceeds the caches."},
      {"level_order", "A farther memory level was faster than a nearer one.",
       "Take both as seen; some machines do this."},
      {"missing_signal", "A noise signal does not exist here; unknown noise is not no noise.",
       "None needed."},
      {"page_kind", "The pages obtained are not of the kind asked for.",
       "See the huge page settings that `memory_benchmark topology` prints."},
      {"interrupted", "A signal ended the work early.", "Run again, or go on with --resume."},
      {"above_budget", "More threads than the effective CPU budget.",
       "Read it as an experiment: threads share CPUs."},
      {"affinity", "A thread could not be bound or did not come to the start line.",
       "See whether the allowed CPUs changed while we ran."},
      {"oom", "The kernel killed the process for memory.",
       "Free memory, raise the limit, or plan smaller buffers."},
      {"timed_out", "The process did not end in its time and was stopped.",
       "Give a larger budget or time limit."},
      {"probe_failed", "The process that measured this ended with an error.",
       "See its last lines of output in the document."},
      {"prior", "No measurement: a typical value stands in.", "Give a larger budget."},
  };
  return texts;
}

}  // namespace mb
