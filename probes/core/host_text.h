// Small readings of what the kernel prints: numbers, "key: value" lines, words. Everything that
// came from outside and goes into a document passes printable(), because a document must stay valid
// UTF-8 whatever a firmware string or a broken file holds.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

std::string_view trim(std::string_view text);
std::vector<std::string_view> split_words(std::string_view text);
std::vector<std::string_view> split_lines(std::string_view text);

// The whole trimmed text as a decimal number; nullopt for anything else, overflow included.
std::optional<std::int64_t> parse_number(std::string_view text);

// The value of the first line "key<separator>value", trimmed; the key must match whole.
std::optional<std::string_view> value_of(std::string_view text, std::string_view key,
                                         char separator);

// ASCII only, others as '?', trimmed, at most 120 characters.
std::string printable(std::string_view text);

}  // namespace mb
