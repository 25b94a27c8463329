// Rounding to three significant digits is what repeated measurements support; a fourth would
// differ from run to run.
#include "reports/render/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace mb {
namespace {

struct Prefix {
  double factor;
  std::string_view name;
};

// The largest prefix that leaves at least 1 before the point; else the last one.
Prefix pick(std::span<const Prefix> prefixes, double largest) {
  for (const Prefix& prefix : prefixes) {
    if (largest >= prefix.factor) return prefix;
  }
  return prefixes.back();
}

constexpr std::array<Prefix, 4> kBandwidth{
    {{1e12, "TB/s"}, {1e9, "GB/s"}, {1e6, "MB/s"}, {1, "B/s"}}};
constexpr std::array<Prefix, 4> kFlops{
    {{1e12, "TFLOP/s"}, {1e9, "GFLOP/s"}, {1e6, "MFLOP/s"}, {1, "FLOP/s"}}};
constexpr std::array<Prefix, 4> kTime{{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}}};
constexpr std::array<Prefix, 3> kFrequency{{{1e9, "GHz"}, {1e6, "MHz"}, {1, "Hz"}}};
constexpr std::array<Prefix, 5> kCapacity{
    {{0x1p40, "TiB"}, {0x1p30, "GiB"}, {0x1p20, "MiB"}, {0x1p10, "KiB"}, {1, "B"}}};

DisplayUnit as_unit(const Prefix& prefix) { return {prefix.factor, std::string(prefix.name)}; }

// Bandwidth stays in GB/s up to 10 TB/s and from 100 MB/s: one unit for a whole machine.
double kept_decimal(double largest) { return largest >= 1e8 && largest < 1e13 ? 1e9 : largest; }

}  // namespace

std::string format_number(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::fabs(value);
  if (size == 0) return "0";
  if (size >= 999.5) return fmt::format("{:.0f}", value);
  if (size < 1e-4) return fmt::format("{:.2e}", value);
  // Three significant digits: two decimals below ten, one below a hundred, none above. The limits
  // are where rounding reaches the next power of ten.
  int decimals = 0;
  for (double limit = 99.95; size < limit; limit /= 10) ++decimals;
  return fmt::format("{:.{}f}", value, decimals);
}

std::string format_whole(double value) { return fmt::format("{:g}", value); }

DisplayUnit display_unit(Unit unit, double largest) {
  const double size = std::fabs(largest);
  switch (unit) {
    case Unit::kBytesPerSecond:
      return as_unit(pick(kBandwidth, kept_decimal(size)));
    case Unit::kFlopsPerSecond:
      return as_unit(pick(kFlops, kept_decimal(size)));
    case Unit::kSeconds:
      return as_unit(pick(kTime, size));
    case Unit::kHertz:
      return as_unit(pick(kFrequency, size));
    case Unit::kRatio:
      break;
  }
  return {1, ""};
}

std::string format_quantity(double value, Unit unit) {
  const DisplayUnit display = display_unit(unit, value);
  if (display.name.empty()) return format_number(value);
  return fmt::format("{} {}", format_number(display(value)), display.name);
}

std::string format_interval(double low, double high, Unit unit) {
  const DisplayUnit display = display_unit(unit, high);
  return fmt::format("{} to {}{}{}", format_number(display(low)), format_number(display(high)),
                     display.name.empty() ? "" : " ", display.name);
}

std::string format_bytes(double bytes) {
  const Prefix prefix = pick(kCapacity, std::fabs(bytes));
  const double value = bytes / prefix.factor;
  const bool whole = value == std::floor(value) && std::fabs(value) < 1e6;
  return fmt::format("{} {}", whole ? fmt::format("{:.0f}", value) : format_number(value),
                     prefix.name);
}

std::string format_seconds(double seconds) { return format_quantity(seconds, Unit::kSeconds); }

std::string format_rate(double tokens_per_second) { return format_number(tokens_per_second); }

std::string format_rate_interval(double low, double high) {
  return fmt::format("{} to {}", format_number(low), format_number(high));
}

std::string format_share(double share) { return fmt::format("{:.3g} %", share * 100); }

std::string format_loss(double loss) {
  if (!std::isfinite(loss)) return "–";
  // Half a per cent is under what a repeated run of the same setting differs by.
  if (std::fabs(loss) < 0.005) return "same";
  return fmt::format("{:.0f} % {}", std::fabs(loss) * 100, loss > 0 ? "slower" : "faster");
}

std::string format_count(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string format_cpu_budget(const Limits& limits) {
  std::string why = limits.limited_by == "installed" ? "no limit" : limits.limited_by;
  if (limits.limited_by == "quota" && limits.quota_cpus) {
    why = fmt::format("quota of {} CPUs", format_number(*limits.quota_cpus));
  }
  return fmt::format("{} of {} usable ({})", limits.effective_cpus,
                     format_count(limits.installed_cpus, "CPU", "CPUs"), why);
}

std::string format_instance(const Machine& machine) {
  std::string text;
  for (const auto& fact : {machine.cloud_label, machine.cloud_life_cycle, machine.cloud_zone}) {
    if (fact && !fact->empty()) text += (text.empty() ? "" : ", ") + *fact;
  }
  return text;
}

std::string words_of(std::string_view term) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kWords{{
      {"4k", "4 KiB pages"},
      {"thp", "transparent huge pages"},
      {"hugetlb_2m", "2 MiB pages"},
      {"hugetlb_1g", "1 GiB pages"},
      {"streaming_write", "streaming write"},
      {"repeat_read", "repeat read"},
      {"stream_read", "stream read"},
      {"spin", "spinning"},
      {"futex", "sleeping (futex)"},
      {"openmp", "OpenMP, active"},
      {"openmp_passive", "OpenMP, passive"},
      {"serial", "serial work"},
      {"no_difference", "make no difference"},
      {"mmap", "mapped"},
      {"anonymous", "private memory"},
      {"file_mmap", "mapped file"},
      {"file_read", "copied from a file"},
  }};
  for (const auto& [word, words] : kWords) {
    if (word == term) return std::string(words);
  }
  return std::string(term);
}

std::string format_cpu_list(std::span<const int> cpus) {
  std::vector<int> sorted(cpus.begin(), cpus.end());
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (std::size_t first = 0; first < sorted.size();) {
    std::size_t last = first;
    while (last + 1 < sorted.size() && sorted[last + 1] == sorted[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += last == first ? fmt::format("{}", sorted[first])
                          : fmt::format("{}-{}", sorted[first], sorted[last]);
    first = last + 1;
  }
  return text;
}

std::string format_reasons(const Verdict& verdict) {
  std::string text;
  for (const Reason& reason : verdict.reasons) {
    if (!text.empty()) text += "; ";
    text += reason.detail.empty() ? reason.code : fmt::format("{}: {}", reason.code, reason.detail);
  }
  return text;
}

std::string shell_word(std::string_view word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_@%+=:,./-") == std::string_view::npos;
  if (plain) return std::string(word);
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'') {
      text += "'\\''";
    } else {
      text += c;
    }
  }
  return text + "'";
}

std::string shell_line(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += shell_word(word);
  }
  return text;
}

}  // namespace mb
