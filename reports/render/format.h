// The one place where a number of a document becomes text: scaled to the unit people say (B/s to
// GB/s), rounded to three significant digits. Bandwidth is decimal (GB/s is 1e9 bytes/s), capacity
// binary (MiB). Every renderer formats through here, so the same field reads the same everywhere.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"

namespace mb {

// "29.4", "0.0983", "1234"; an en dash for what is not a finite number.
std::string format_number(double value);

std::string format_whole(double value);  // "12": counts that are kept as floating point

// A unit with the prefix that suits `largest`; value / factor is what is shown beside `name`.
struct DisplayUnit {
  double factor = 1;
  std::string name;
  double operator()(double value) const { return value / factor; }
};
DisplayUnit display_unit(Unit unit, double largest);

std::string format_quantity(double value, Unit unit);             // "29.4 GB/s", "95 ns"
std::string format_interval(double low, double high, Unit unit);  // "26.5 to 30.1 GB/s"
std::string format_bytes(double bytes);                           // "32 KiB", "22.3 GiB"
std::string format_seconds(double seconds);                       // "95 ns", "1.2 s"
std::string format_rate(double tokens_per_second);                // "61.2", without the unit
std::string format_rate_interval(double low, double high);        // "55 to 67"
std::string format_share(double share);                           // "2.1 %"
std::string format_loss(double loss);  // against the advice: "same", "3.1 % slower", "2 % faster"
std::string format_count(std::int64_t count, std::string_view one, std::string_view many);

// "2 of 2 CPUs usable (affinity)": the effective CPU budget and what sets it.
std::string format_cpu_budget(const Limits& limits);

// "m7a.2xlarge, spot, eu-central-1a": what is known of it; empty outside of clouds.
std::string format_instance(const Machine& machine);

// The words people read for the documents' fixed words; an unknown word stands as it is.
// The terms of a step, as predictions name them, in the order that charts and tables keep.
inline constexpr std::array<std::string_view, 5> kTermNames{"weights", "compute", "attention",
                                                            "dispatch", "serial"};
std::string words_of(std::string_view term);             // thp -> "huge pages (THP)" ...
std::string format_cpu_list(std::span<const int> cpus);  // "0-3,8"
// "steal: 2.1 % of the used CPUs; spread: ..."; empty without reasons.
std::string format_reasons(const Verdict& verdict);
// One line of shell text: words that need it are quoted.
std::string shell_line(std::span<const std::string> words);
std::string shell_word(std::string_view word);

}  // namespace mb
