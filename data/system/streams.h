// The surroundings of a program that must not lose results over them: the three standard streams,
// limits that kill, memory that runs out.
#pragma once
#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <utility>

namespace mb {

// First thing in main: of the three standard descriptors, those that are closed are filled with one
// that refuses (input, output) or swallows (errors) what is done with it. Without this the next
// file that is opened takes the number and gets what is printed. A
// limit of file sizes (ulimit -f) becomes an error of write instead of a signal that kills. Out
// of memory where nothing may be thrown ends with kNoResource and a word instead of a core.
void prepare_process();

// Last thing in main: throws Error(kFailure) when something printed was lost (a full disk, a closed
// standard output).
void check_standard_output();

// A message for people on standard error. That it cannot be written ends nothing.
template <class... Values>
void tell(fmt::format_string<Values...> format, Values&&... values) {
  try {
    std::fputs(fmt::format(format, std::forward<Values>(values)...).c_str(), stderr);
  } catch (...) {  // out of memory, and often inside a handler that must not throw again
    std::fputs("a message was lost: out of memory\n", stderr);
  }
}

// "program: what" as one line. What it names (an argument, a file) may hold line breaks and codes
// for a terminal: each control character of ASCII becomes '?'.
void tell_error(std::string_view program, std::string_view what);

}  // namespace mb
