// A text held against the file of that name in data/golden, line by line: words must be equal,
// numbers within `tolerance` of each other, as other compilers and processors round differently.
//
// A difference is a change of what users are told. Where it is meant, UPDATE_GOLDEN=1 writes the
// file instead; review the difference.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace mb::golden {

// A number begins here; one that is part of a word (q4_0, L3) belongs to the word.
inline bool number_begins(std::string_view text, std::size_t at) {
  const auto character = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : '\0';
  };
  if (at > 0 && (std::isalnum(character(at - 1)) || character(at - 1) == '_')) return false;
  return std::isdigit(character(at)) || (character(at) == '-' && std::isdigit(character(at + 1)));
}

inline bool same_line(std::string_view a, std::string_view b, double tolerance) {
  constexpr double kNothing = 1e-12;  // what is left of a difference of equal figures
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!number_begins(a, i) || !number_begins(b, j)) {
      if (a[i++] != b[j++]) return false;
      continue;
    }
    double x = 0, y = 0;
    i = static_cast<std::size_t>(std::from_chars(&a[i], a.data() + a.size(), x).ptr - a.data());
    j = static_cast<std::size_t>(std::from_chars(&b[j], b.data() + b.size(), y).ptr - b.data());
    if (std::abs(x - y) > tolerance * std::max(std::abs(x), std::abs(y)) + kNothing) return false;
  }
  return i == a.size() && j == b.size();
}

inline std::vector<std::string> lines_of(std::istream&& text) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(std::move(line));
  return lines;
}

inline void expect(const std::string& name, const std::string& text, double tolerance) {
  const std::string path = std::string(SOURCE_DIR "/data/golden/") + name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  const auto wanted = lines_of(std::ifstream(path)), found = lines_of(std::istringstream(text));
  ASSERT_FALSE(wanted.empty()) << path << " is not there";
  constexpr int kMostShown = 5;
  int different = 0;
  for (std::size_t i = 0; i < std::min(wanted.size(), found.size()); ++i) {
    if (same_line(wanted[i], found[i], tolerance) || ++different > kMostShown) continue;
    ADD_FAILURE() << name << ":" << i + 1 << "\n  golden " << wanted[i] << "\n  now    "
                  << found[i];
  }
  EXPECT_EQ(found.size(), wanted.size()) << name;
  EXPECT_EQ(different, 0) << name;
}

}  // namespace mb::golden
