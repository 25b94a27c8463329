// Text rules go line by line, and the last line that matches counts: engines print interim figures
// first. Very long lines are passed over, because std::regex recurses once a character.
#include "probes/sweep/parse_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "data/error.h"

namespace mb {
namespace {

constexpr std::size_t kLongestLine = 4096;
constexpr std::array<std::string_view, 3> kPhases = {"prefill", "decode", "mixed"};

std::optional<double> positive_number(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole && std::isfinite(value) && value > 0 ? std::optional(value) : std::nullopt;
}

std::optional<double> last_match(std::string_view output, const std::regex& pattern) {
  std::optional<double> last;
  while (!output.empty()) {
    const auto end = output.find('\n');
    const std::string line(output.substr(0, end));
    output.remove_prefix(end == std::string_view::npos ? output.size() : end + 1);
    std::smatch match;
    if (line.size() > kLongestLine || !std::regex_search(line, match, pattern)) continue;
    if (const auto value = positive_number(match[1].str())) last = value;
  }
  return last;
}

struct PhasePattern {
  std::string phase, pattern;
};

// A rule of regular expressions, one a phase.
ParseRule lines(std::string name, std::string summary, const std::vector<PhasePattern>& patterns) {
  std::vector<std::pair<std::string, std::regex>> compiled;
  for (const auto& [phase, pattern] : patterns) compiled.emplace_back(phase, pattern);
  return {std::move(name), std::move(summary), [compiled](std::string_view output) {
            std::vector<Rate> rates;
            for (const auto& [phase, pattern] : compiled) {
              if (const auto value = last_match(output, pattern)) {
                rates.push_back({phase, std::nullopt, std::nullopt, {*value}});
              }
            }
            return rates;
          }};
}

// llama-bench -o json prints an array of tests, each with n_prompt, n_gen, n_depth and samples_ts.
std::vector<Rate> llama_bench_json(std::string_view output) {
  const auto first = output.find('['), last = output.rfind(']');
  if (first == std::string_view::npos || last == std::string_view::npos || last < first) return {};
  const auto json = nlohmann::json::parse(output.substr(first, last - first + 1), nullptr, false);
  if (!json.is_array()) return {};
  std::vector<Rate> rates;
  for (const auto& test : json) {
    if (!test.is_object()) continue;
    const auto number = [&](const char* key) {
      const auto found = test.find(key);
      return found != test.end() && found->is_number() ? found->get<double>() : 0.0;
    };
    const double prompt = number("n_prompt"), generated = number("n_gen");
    Rate rate;
    rate.phase = generated <= 0 ? "prefill" : prompt <= 0 ? "decode" : "mixed";
    if (prompt > 0) rate.prompt_tokens = prompt;
    if (number("n_depth") > 0) rate.context_tokens = number("n_depth");
    const auto samples = test.value("samples_ts", nlohmann::json::array());
    for (const auto& sample : samples.is_array() ? samples : nlohmann::json::array()) {
      if (sample.is_number() && sample.get<double>() > 0) {
        rate.tokens_per_second.push_back(sample.get<double>());
      }
    }
    if (rate.tokens_per_second.empty() && number("avg_ts") > 0) {
      rate.tokens_per_second = {number("avg_ts")};
    }
    if (!rate.tokens_per_second.empty()) rates.push_back(std::move(rate));
  }
  return rates;
}

std::string rule_names() {
  std::string names;
  for (const ParseRule& rule : parse_rules()) names += (names.empty() ? "" : ", ") + rule.name;
  return names;
}

}  // namespace

const std::vector<ParseRule>& parse_rules() {
  static const std::vector<ParseRule> rules = {
      {"llama-bench", "JSON of llama-bench -o json", llama_bench_json},
      lines("tokens-per-second",
            "\"Prefill Tokens per second: X\", \"Decode Tokens per second: X\"",
            {{"prefill", R"(Prefill Tokens per second:\s*([0-9.]+))"},
             {"decode", R"(Decode Tokens per second:\s*([0-9.]+))"}}),
  };
  return rules;
}

ParseRule parse_rule_from_text(const std::string& text) {
  for (const ParseRule& rule : parse_rules()) {
    if (rule.name == text) return rule;
  }
  const auto equals = text.find('=');
  const std::string phase = text.substr(0, equals);
  if (equals == std::string::npos || std::ranges::find(kPhases, phase) == kPhases.end()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--parse {}: expected a rule ({}) or prefill=REGEX, decode=REGEX, "
                            "mixed=REGEX",
                            text, rule_names()));
  }
  const std::string pattern = text.substr(equals + 1);
  try {
    if (std::regex(pattern).mark_count() == 1) return lines(text, "given", {{phase, pattern}});
  } catch (const std::regex_error& error) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--parse {}: no regular expression: {}", text, error.what()));
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("--parse {}: put one pair of parentheses around the figure, as in "
                          "\"decode=Decode: ([0-9.]+) tok/s\"",
                          text));
}

std::vector<Rate> find_rates(const std::vector<ParseRule>& rules, std::string_view output) {
  std::vector<Rate> rates;
  for (const ParseRule& rule : rules.empty() ? parse_rules() : rules) {
    std::vector<Rate> found = rule.parse(output);
    std::ranges::move(found, std::back_inserter(rates));
    if (rules.empty() && !rates.empty()) break;
  }
  return rates;
}

}  // namespace mb
