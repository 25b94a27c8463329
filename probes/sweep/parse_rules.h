// How tokens/s are read out of what an engine prints. A rule is one entry of the table in
// parse_rules.cc; a person may give another as NAME=REGEX with one group around the figure, such as
//   decode=Decode: ([0-9.]+) tok/s
// NAME is a phase (prefill, decode, mixed: a rate) or what a rate is made of (prompt_tokens,
// prefill_seconds ...: quantity_names()).
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/sweep.h"
#include "probes/sweep/figures.h"

namespace mb {

struct ParseRule {
  std::string name, summary;
  std::string source;  // where the format is from
  std::function<std::vector<SweepReading>(std::string_view output,
                                          std::vector<std::string>& refused)>
      parse;
};

// The built-in rules, in the order in which they are tried.
const std::vector<ParseRule>& parse_rules();

// What `--parse` asks for: names of built-in rules and NAME=REGEX, those together as one rule.
// Throws Error(kUsage) that names what is wrong.
std::vector<ParseRule> parse_rules_from_texts(const std::vector<std::string>& texts);

struct Parsed {
  std::vector<SweepReading> readings;
  std::string rule;                  // that found them; the names of several with commas
  std::vector<std::string> refused;  // figures that are no rate: decode "nan"
};

// What the rules find together; without rules, what the first built-in rule that finds any finds.
Parsed parse_output(const std::vector<ParseRule>& rules, std::string_view output);

}  // namespace mb
