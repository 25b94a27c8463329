// Flags of a subcommand on top of Boost.Program_options: the help text, positional arguments by
// name, and one line for whatever is wrong. Flags are taken as text; parse.h turns text into
// values.
#pragma once
#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/cli/command.h"

namespace mb {

class Flags {
 public:
  // `positional` names what must stand without a flag, in order: {"RESULTS"}; the last may be given
  // several times when it ends in three dots: {"FILE..."}.
  Flags(std::string name, std::string summary, std::vector<std::string> positional,
        std::string examples);

  Flags& value(const char* name, const char* metavar, const char* help);   // at most once
  Flags& values(const char* name, const char* metavar, const char* help);  // repeated
  Flags& flag(const char* name, const char* help);

  // False when --help was asked for and printed: then the subcommand is done.
  // Throws Error(kUsage) naming the flag or argument.
  bool parse(const Arguments& arguments);

  bool has(const std::string& name) const { return parsed_.count(name) != 0; }
  std::optional<std::string> get(const std::string& name) const;
  std::vector<std::string> all(const std::string& name) const;
  const std::string& positional(std::size_t index) const { return given_.at(index); }
  std::vector<std::string> positional_from(std::size_t index) const {
    return {given_.begin() + static_cast<std::ptrdiff_t>(index), given_.end()};
  }

 private:
  void print_help() const;

  std::string name_, summary_;
  std::vector<std::string> positional_;
  std::string examples_;
  boost::program_options::options_description options_;
  boost::program_options::variables_map parsed_;
  std::vector<std::string> given_;
};

}  // namespace mb
