// from_chars throughout: it knows no locale, and what it leaves over is the unit.
#include "reports/cli/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "data/error.h"
#include "data/system/duration.h"

namespace mb {
namespace {

// No machine has more; a slip of the finger such as 1-1000000000 must not fill the memory.
constexpr int kMostThreads = 1 << 16;

[[noreturn]] void refuse(std::string_view flag, std::string_view text, std::string_view expected) {
  std::string shown(text);  // a message is one line and no code for a terminal
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  throw Error(ErrorCode::kUsage, fmt::format("{}: '{}' is not {}", flag, shown, expected));
}

// The number at the front of `text`; what follows stays in `text`.
template <class Number>
std::optional<Number> take_number(std::string_view& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

double parse_seconds(std::string_view flag, std::string_view text) {
  constexpr std::string_view kExpected = "a time: write 60s, 2m or 500ms";
  const std::optional<double> seconds = parse_duration(text);
  if (!seconds) refuse(flag, text, kExpected);
  return *seconds;
}

std::vector<int> parse_threads(std::string_view flag, std::string_view text) {
  constexpr std::string_view kExpected = "a list of thread counts: write 1,2,4 or 1-16 or 4-16:4";
  std::vector<int> counts;
  std::string_view rest = text;
  while (true) {
    const auto first = take_number<int>(rest);
    auto last = first;
    std::optional<int> step = 1;
    if (!rest.empty() && rest.front() == '-') {
      rest.remove_prefix(1);
      last = take_number<int>(rest);
      if (!rest.empty() && rest.front() == ':') {
        rest.remove_prefix(1);
        step = take_number<int>(rest);
      }
    }
    if (!first || !last || !step || *first < 1 || *last < *first || *step < 1 ||
        *last > kMostThreads) {
      refuse(flag, text, kExpected);
    }
    for (int count = *first; count <= *last; count += std::min(*step, kMostThreads)) {
      counts.push_back(count);
    }
    if (rest.empty()) break;
    if (rest.front() != ',') refuse(flag, text, kExpected);
    rest.remove_prefix(1);
  }
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

std::int64_t parse_count(std::string_view flag, std::string_view text, std::int64_t least) {
  std::string_view rest = text;
  const auto number = take_number<std::int64_t>(rest);
  if (!number || !rest.empty() || *number < least) {
    refuse(flag, text, fmt::format("a whole number of at least {}", least));
  }
  return *number;
}

double parse_bytes(std::string_view flag, std::string_view text) {
  std::string_view rest = text;
  const auto number = take_number<double>(rest);
  double unit = 0;
  for (const auto& [name, bytes] : {std::pair{"", 1.0},
                                    {"B", 1.0},
                                    {"KiB", 0x1p10},
                                    {"MiB", 0x1p20},
                                    {"GiB", 0x1p30},
                                    {"TiB", 0x1p40},
                                    {"kB", 1e3},
                                    {"MB", 1e6},
                                    {"GB", 1e9},
                                    {"TB", 1e12}}) {
    if (rest == name) unit = bytes;
  }
  constexpr double kMost = 0x1p53;  // exact as a double
  if (!number || unit == 0 || !(*number >= 0) || !(*number * unit <= kMost)) {
    refuse(flag, text, "a size: write 8GiB, 512MiB or 24GB");
  }
  return *number * unit;
}

double parse_bytes_per_second(std::string_view flag, std::string_view text) {
  if (text.ends_with("/s")) {
    const double rate = parse_bytes(flag, text.substr(0, text.size() - 2));
    if (rate > 0) return rate;
  }
  refuse(flag, text, "a bandwidth: write 300GB/s");
}

double parse_positive(std::string_view flag, std::string_view text) {
  std::string_view rest = text;
  const auto number = take_number<double>(rest);
  if (!number || !rest.empty() || !std::isfinite(*number) || *number <= 0) {
    refuse(flag, text, "a positive number");
  }
  return *number;
}

double parse_share(std::string_view flag, std::string_view text) {
  std::string_view rest = text;
  auto number = take_number<double>(rest);
  if (number && rest == "%") {
    *number /= 100;
    rest = {};
  }
  if (!number || !rest.empty() || !(*number >= 0 && *number < 1)) {
    refuse(flag, text, "a share: write 2% or 0.02");
  }
  return *number;
}

}  // namespace mb
