// How tokens/s are read out of what an engine prints. A rule is one line of the table in
// parse_rules.cc; a person may give another as PHASE=REGEX with one group around the figure, such
// as
//   decode=Decode: ([0-9.]+) tok/s
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

// What one run said of one phase.
struct Rate {
  std::string phase;  // prefill | decode | mixed
  std::optional<double> prompt_tokens, context_tokens;
  std::vector<double> tokens_per_second;  // engines that repeat by themselves give several
};

struct ParseRule {
  std::string name, summary;
  std::function<std::vector<Rate>(std::string_view output)> parse;
};

// The built-in rules, in the order in which they are tried.
const std::vector<ParseRule>& parse_rules();

// A built-in rule's name, or PHASE=REGEX. Throws Error(kUsage) that names what is wrong with it.
ParseRule parse_rule_from_text(const std::string& text);

// What the rules find together; without rules, what the first built-in rule that finds any finds.
std::vector<Rate> find_rates(const std::vector<ParseRule>& rules, std::string_view output);

}  // namespace mb
