// Single figures in what an engine prints, and how they become readings: which line or key means
// what is data (parse_rules.cc); here is the walk over lines and JSON objects.
//
// The last figure of each kind counts, because engines print interim ones first. A printed rate
// wins over tokens and seconds, which are often rounded.
#pragma once
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/sweep.h"

namespace mb {

enum class Quantity {
  kPromptTokens,   // of one prompt, or of all kRequests prompts
  kContextTokens,  // found in the cache
  kNewTokens,      // generated, as kPromptTokens
  kPaddingTokens,
  kRequests,
  kBatch,
  kPrefillSeconds,
  kDecodeSeconds,
  kTotalSeconds,
  kSecondsPerToken,  // generated
  kPrefillRate,      // tokens/s
  kDecodeRate,
  kMixedRate,  // generated tokens over the whole time
  kTotalRate,  // all tokens over the whole time
};
inline constexpr std::size_t kQuantities = 14;

// One kind of line: `pattern` is tried where the line holds `needle`; its group is the figure,
// multiplied by `factor`. A figure with a unit ("1m13.81s", "78.12ms") is seconds.
struct LineFigure {
  Quantity quantity;
  std::string needle, pattern;
  double factor = 1;
};

// A key of a JSON object, or "key: figure" and "key=figure" in a line.
struct KeyFigure {
  Quantity quantity;
  std::string key;
  double factor = 1;
};

// A number from a regular expression's group; "{n}" in a pattern stands for it. It takes words such
// as nan too, so that they can be refused by name.
inline constexpr std::string_view kNumberGroup =
    R"(([-+]?(?:[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|nan|-nan|inf)))";

class FigureRule {
 public:
  FigureRule(std::vector<LineFigure> lines, const std::vector<KeyFigure>& keys);

  // Readings of prefill, decode and, where neither phase is known apart, mixed. What was found but
  // is no positive number is added to `refused`, in words.
  std::vector<SweepReading> read(std::string_view output, std::vector<std::string>& refused) const;

 private:
  struct Line {
    Quantity quantity;
    std::string needle;
    std::regex pattern;
    double factor;
  };
  std::vector<Line> lines_;
  std::vector<KeyFigure> keys_;
};

// "39.4", "1m13.81s", "78.12 ms", "250µs" -> the number, or seconds; nullopt for all else.
std::optional<double> number_or_seconds(std::string_view text);

// "prefill", "prompt_tokens" ... as a person names a figure; nullopt when unknown.
std::optional<Quantity> quantity_from_name(std::string_view name);
std::string quantity_names();  // "prefill, decode, mixed, ..."

}  // namespace mb
