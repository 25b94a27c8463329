// A verdict in one line, and figures just above and below a limit.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "data/documents/validity.h"

namespace mb {

inline std::string codes(const Verdict& verdict) {
  std::string text;
  for (const Reason& reason : verdict.reasons) text += (text.empty() ? "" : " ") + reason.code;
  return text;
}

inline void expect(const Verdict& verdict, Validity validity, const std::string& reasons) {
  EXPECT_EQ(to_string(verdict.validity), to_string(validity)) << codes(verdict);
  EXPECT_EQ(codes(verdict), reasons);
}

inline constexpr double kUp = 1 + 1e-9, kDown = 1 - 1e-9;

}  // namespace mb
