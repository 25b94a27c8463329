// Abbreviations are off: a script that wrote --thr must not change its meaning with a new flag.
#include "reports/cli/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

#include "data/error.h"

namespace mb {
namespace {

namespace po = boost::program_options;

constexpr char kRest[] = "positional arguments";  // hidden: no such flag can be typed
constexpr unsigned kHelpColumns = 96;

}  // namespace

Flags::Flags(std::string name, std::string summary, std::vector<std::string> positional,
             std::string examples)
    : name_(std::move(name)),
      summary_(std::move(summary)),
      positional_(std::move(positional)),
      examples_(std::move(examples)),
      options_("Flags", kHelpColumns, kHelpColumns / 2) {
  options_.add_options()("help", "print this text");
}

Flags& Flags::value(const char* name, const char* metavar, const char* help) {
  options_.add_options()(name, po::value<std::string>()->value_name(metavar), help);
  return *this;
}

Flags& Flags::values(const char* name, const char* metavar, const char* help) {
  options_.add_options()(name, po::value<std::vector<std::string>>()->value_name(metavar), help);
  return *this;
}

Flags& Flags::flag(const char* name, const char* help) {
  options_.add_options()(name, help);
  return *this;
}

void Flags::print_help() const {
  std::ostringstream options;
  options << options_;
  fmt::print("Usage: memory_benchmark {}{} [flags]\n{}\n\n{}", name_,
             positional_.empty() ? "" : fmt::format(" {}", fmt::join(positional_, " ")), summary_,
             options.str());
  if (!examples_.empty()) fmt::print("\nExamples:\n{}", examples_);
}

bool Flags::parse(const Arguments& arguments) {
  const auto help = fmt::format("see memory_benchmark {} --help", name_);
  po::options_description hidden;
  hidden.add_options()(kRest, po::value<std::vector<std::string>>());
  po::options_description everything;
  everything.add(options_).add(hidden);
  po::positional_options_description rest;
  rest.add(kRest, -1);
  const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  try {
    po::store(
        po::command_line_parser(arguments).options(everything).positional(rest).style(style).run(),
        parsed_);
  } catch (const po::error& error) {
    throw Error(ErrorCode::kUsage, fmt::format("{}: {}; {}", name_, error.what(), help));
  }
  if (has("help")) {
    print_help();
    return false;
  }
  given_ = all(kRest);
  if (given_.size() < positional_.size()) {
    throw Error(ErrorCode::kUsage, fmt::format("{}: the argument {} is missing; {}", name_,
                                               positional_[given_.size()], help));
  }
  const bool several = !positional_.empty() && positional_.back().ends_with("...");
  if (given_.size() > positional_.size() && !several) {
    throw Error(ErrorCode::kUsage, fmt::format("{}: unexpected argument '{}'; {}", name_,
                                               given_[positional_.size()], help));
  }
  return true;
}

std::optional<std::string> Flags::get(const std::string& name) const {
  if (!has(name)) return std::nullopt;
  return parsed_[name].as<std::string>();
}

std::vector<std::string> Flags::all(const std::string& name) const {
  if (!has(name)) return {};
  return parsed_[name].as<std::vector<std::string>>();
}

}  // namespace mb
