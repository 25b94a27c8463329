// Lines are searched one by one; very long ones are passed over, because std::regex recurses once a
// character, and a plain search for the needle goes before the slow one.
#include "probes/sweep/figures.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "probes/sweep/json_values.h"

namespace mb {
namespace {

constexpr std::size_t kLongestLine = 4096;

struct Named {
  std::string_view name;
  Quantity quantity;
};
constexpr std::array<Named, kQuantities> kNames{
    {{"prefill", Quantity::kPrefillRate},
     {"decode", Quantity::kDecodeRate},
     {"mixed", Quantity::kMixedRate},
     {"total", Quantity::kTotalRate},
     {"prompt_tokens", Quantity::kPromptTokens},
     {"context_tokens", Quantity::kContextTokens},
     {"new_tokens", Quantity::kNewTokens},
     {"padding_tokens", Quantity::kPaddingTokens},
     {"requests", Quantity::kRequests},
     {"batch", Quantity::kBatch},
     {"prefill_seconds", Quantity::kPrefillSeconds},
     {"decode_seconds", Quantity::kDecodeSeconds},
     {"total_seconds", Quantity::kTotalSeconds},
     {"seconds_per_token", Quantity::kSecondsPerToken}}};

std::string_view name_of(Quantity quantity) {
  for (const Named& named : kNames) {
    if (named.quantity == quantity) return named.name;
  }
  return "figure";
}

std::string with_number(std::string pattern) {
  constexpr std::string_view kPlace = "{n}";
  if (const auto at = pattern.find(kPlace); at != std::string::npos) {
    pattern.replace(at, kPlace.size(), kNumberGroup);
  }
  return pattern;
}

// What was found so far: the last good figure of each kind.
class Found {
 public:
  void take(Quantity quantity, const std::string& text, double factor) {
    const auto value = number_or_seconds(text);
    if (value && *value > 0) {
      values_[static_cast<std::size_t>(quantity)] = *value * factor;
    } else if (!value || *value < 0 || is_rate(quantity)) {  // no tokens or seconds: simply none
      refused_[static_cast<std::size_t>(quantity)] = text;
    }
  }

  std::optional<double> get(Quantity quantity) const {
    return values_[static_cast<std::size_t>(quantity)];
  }

  void list_refused(std::vector<std::string>& out) const {
    for (std::size_t i = 0; i < kQuantities; ++i) {
      if (refused_[i].empty() || values_[i]) continue;
      out.push_back(fmt::format("{} \"{}\"", name_of(static_cast<Quantity>(i)), refused_[i]));
    }
  }

  std::vector<SweepReading> readings() const {
    std::vector<SweepReading> readings;
    const auto prompt = per_request(Quantity::kPromptTokens);
    const auto generated = per_request(Quantity::kNewTokens);
    const auto add = [&](const char* phase, std::optional<double> rate) {
      if (!rate) return;
      SweepReading reading{.phase = phase, .prompt_tokens = prompt};
      reading.context_tokens = get(Quantity::kContextTokens);
      if (reading.phase != "prefill") reading.new_tokens = generated;
      if (const auto batch = get(Quantity::kBatch)) reading.batch = static_cast<int>(*batch);
      reading.tokens_per_second = {*rate};
      readings.push_back(std::move(reading));
    };
    add("prefill",
        rate(Quantity::kPrefillRate, Quantity::kPromptTokens, Quantity::kPrefillSeconds));
    auto decode = rate(Quantity::kDecodeRate, Quantity::kNewTokens, Quantity::kDecodeSeconds);
    if (const auto each = get(Quantity::kSecondsPerToken); !decode && each) decode = 1 / *each;
    add("decode", decode);
    if (decode) return readings;
    const std::size_t before = readings.size();
    add("mixed", rate(Quantity::kMixedRate, Quantity::kNewTokens, Quantity::kTotalSeconds));
    if (readings.size() > before) {
      readings.back().total_tokens_per_second = total_rate();
      readings.back().padding_tokens = get(Quantity::kPaddingTokens);
    }
    return readings;
  }

 private:
  static bool is_rate(Quantity quantity) {
    return quantity == Quantity::kPrefillRate || quantity == Quantity::kDecodeRate ||
           quantity == Quantity::kMixedRate;
  }
  std::optional<double> rate(Quantity printed, Quantity tokens, Quantity seconds) const {
    if (const auto value = get(printed)) return value;
    const auto count = get(tokens), time = get(seconds);
    return count && time ? std::optional(*count / *time) : std::nullopt;
  }
  std::optional<double> per_request(Quantity tokens) const {
    const auto count = get(tokens);
    return count ? std::optional(*count / get(Quantity::kRequests).value_or(1)) : std::nullopt;
  }
  std::optional<double> total_rate() const {
    if (const auto value = get(Quantity::kTotalRate)) return value;
    const auto time = get(Quantity::kTotalSeconds), prompt = get(Quantity::kPromptTokens),
               generated = get(Quantity::kNewTokens);
    if (!time || !prompt || !generated) return std::nullopt;
    return (*prompt + *generated) / *time;
  }

  std::array<std::optional<double>, kQuantities> values_;
  std::array<std::string, kQuantities> refused_;
};

}  // namespace

FigureRule::FigureRule(std::vector<LineFigure> lines, const std::vector<KeyFigure>& keys)
    : keys_(keys) {
  for (const KeyFigure& key : keys) {
    lines.push_back({key.quantity, key.key,
                     "(?:^|[^A-Za-z0-9_])" + key.key + R"("?\s*[:=]\s*{n}(?![A-Za-z0-9_.]))",
                     key.factor});
  }
  for (LineFigure& line : lines) {
    lines_.push_back({line.quantity, std::move(line.needle),
                      std::regex(with_number(std::move(line.pattern))), line.factor});
  }
}

std::vector<SweepReading> FigureRule::read(std::string_view output,
                                           std::vector<std::string>& refused) const {
  Found found;
  for (std::string_view rest = output; !rest.empty();) {
    const auto end = rest.find('\n');
    std::string line(rest.substr(0, end));
    line.erase(line.find_last_not_of(" \t\r") + 1);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.size() > kLongestLine) continue;
    for (const Line& figure : lines_) {
      std::smatch match;
      if (line.find(figure.needle) == std::string::npos) continue;
      if (!std::regex_search(line, match, figure.pattern)) continue;
      found.take(figure.quantity, match[1].str(), figure.factor);
    }
  }
  if (!keys_.empty()) {
    for_each_object(output, [&](const nlohmann::json& object) {
      for (const KeyFigure& key : keys_) {
        const auto value = object.find(key.key);
        if (value != object.end() && value->is_number()) {
          found.take(key.quantity, value->dump(), key.factor);
        }
      }
    });
  }
  found.list_refused(refused);
  return found.readings();
}

std::optional<double> number_or_seconds(std::string_view text) {
  double sum = 0;
  bool any = false;
  while (!text.empty()) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!any && text.empty()) return value;  // a bare number
    const auto unit_start = text.find_first_not_of(' ');
    if (unit_start == std::string_view::npos) return std::nullopt;
    text.remove_prefix(unit_start);
    struct Unit {
      std::string_view name;
      double seconds;
    };
    constexpr std::array<Unit, 8> kUnits{{{"ms", 1e-3},
                                          {"us", 1e-6},
                                          {"\u00b5s", 1e-6},  // micro sign
                                          {"\u03bcs", 1e-6},  // Greek mu
                                          {"ns", 1e-9},
                                          {"h", 3600},
                                          {"m", 60},
                                          {"s", 1}}};
    const Unit* unit = nullptr;
    for (const Unit& each : kUnits) {
      if (unit == nullptr && text.starts_with(each.name)) unit = &each;
    }
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->name.size());
    sum += value * unit->seconds;
    any = true;
  }
  return any ? std::optional(sum) : std::nullopt;
}

std::optional<Quantity> quantity_from_name(std::string_view name) {
  for (const Named& named : kNames) {
    if (named.name == name) return named.quantity;
  }
  return std::nullopt;
}

std::string quantity_names() {
  std::string names;
  for (const Named& named : kNames) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", named.name);
  }
  return names;
}

}  // namespace mb
