// What is fuzzed, as one table for two drivers: libFuzzer with coverage (libfuzzer.cc, clang) and
// the seeded mutations of the ordinary tests (targets_test.cc). A target takes any bytes; it may
// throw mb::Error with a message of one line and nothing else.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mb {

struct FuzzTarget {
  std::string_view name;
  std::vector<std::string> (*seeds)();  // inputs that are right
  void (*run)(std::string_view bytes);  // throws what a reader throws
};
std::span<const FuzzTarget> fuzz_targets();

// True when the bytes were taken, false when they were refused with an Error as it should be. Ends
// the program with a message on a broken promise, so that every fuzzer sees it.
bool takes(const FuzzTarget& target, std::string_view bytes);

}  // namespace mb
