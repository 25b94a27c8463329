// Text of the command line into values. Each function takes the flag's name, so that the message
// names the culprit, what was expected and an example.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace mb {

// "60s", "2m", "1h", "500ms", "90" (seconds). Positive. All throw Error(kUsage).
double parse_seconds(std::string_view flag, std::string_view text);

// "1,2,4-16:4" -> 1 2 4 8 12 16: counts and ranges, with a step after the colon. Sorted, distinct.
std::vector<int> parse_threads(std::string_view flag, std::string_view text);

// A whole number of at least `least`.
std::int64_t parse_count(std::string_view flag, std::string_view text, std::int64_t least);

// "8GiB", "512MiB", "24GB", "1073741824": bytes, binary with an i and decimal without. Positive or
// 0.
double parse_bytes(std::string_view flag, std::string_view text);
// "300GB/s", "25.6GB/s".
double parse_bytes_per_second(std::string_view flag, std::string_view text);
// "20", "7.5": a positive number.
double parse_positive(std::string_view flag, std::string_view text);

// "2%", "0.02": a share from 0 to below 1.
double parse_share(std::string_view flag, std::string_view text);

}  // namespace mb
