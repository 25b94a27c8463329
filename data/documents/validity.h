// The verdict on a measurement, and why. Closed lists: a new reason is added here and documented.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mb {

// Ordered from best to worst, so that "advice inherits the worst" is std::max.
enum class Validity { kValid, kNoisy, kInvalid, kUnavailable };

// Codes are those of data/documents/validity.cc's table; detail carries the figure:
// {"steal", "2.1 % of the used CPUs, limit 1 %"}.
struct Reason {
  std::string code;
  std::string detail;
  bool operator==(const Reason&) const = default;
};

struct Verdict {
  Validity validity = Validity::kValid;
  std::vector<Reason> reasons;

  // Keeps the worse of the two verdicts and appends the reason.
  void worsen(Validity at_least, std::string_view code, std::string_view detail);
  bool operator==(const Verdict&) const = default;
};

std::string_view to_string(Validity validity);         // valid noisy invalid unavailable
Validity validity_from_string(std::string_view text);  // throws Error on another word

// Every code a verdict may carry, with its one-sentence meaning and what a person can do.
struct ReasonText {
  std::string_view code, meaning, remedy;
};
const std::vector<ReasonText>& reason_texts();

}  // namespace mb
