// Describes the machine and measures nothing: prints a results document without points, or writes
// it with --out. The campaign runs this first and plans from what it says.
//
// Being one of the probes it takes Google Benchmark's flags and has no benchmark to list or to run.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/error.h"
#include "data/system/clock.h"
#include "data/system/files.h"
#include "probes/core/build_facts.h"
#include "probes/core/describe_machine.h"

namespace mb {
namespace {

namespace po = boost::program_options;

constexpr std::string_view kDescription =
    R"({"name": "machine", "summary": "Topology, caches, memory, limits and software of this machine; no timing", "operations": []})";

bool lists_benchmarks(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--benchmark_list_tests" || flag == "--benchmark_list_tests=true") return true;
  }
  return false;
}

po::variables_map parse(int argc, char** argv, const po::options_description& options) {
  po::variables_map values;
  try {
    po::store(po::command_line_parser(argc, argv).options(options).run(), values);
  } catch (const po::error& error) {
    throw Error(ErrorCode::kUsage, fmt::format("{}; see machine --help", error.what()));
  }
  return values;
}

Results describe(std::vector<std::string> command) {
  Results results;
  results.created_utc = utc_now();
  results.command = std::move(command);
  results.machine = describe_machine();
  results.build = build_facts();
  return results;
}

int run(int argc, char** argv) {
  const std::vector<std::string> command(argv, argv + argc);
  const bool list = lists_benchmarks(argc, argv);
  benchmark::Initialize(&argc, argv);  // takes its own flags out
  po::options_description options("machine: describes this machine as JSON");
  options.add_options()("help", "this text")("describe", "print what this probe is, as JSON")(
      "out", po::value<std::string>()->value_name("FILE"), "write the document there");
  const po::variables_map values = parse(argc, argv, options);
  if (values.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print("{}", text.str());
    return 0;
  }
  if (values.count("describe") != 0) {
    fmt::print("{}\n", kDescription);
    return 0;
  }
  if (list) return 0;
  const std::string document = to_json_text(describe(command));
  if (values.count("out") != 0) {
    write_file_atomically(values["out"].as<std::string>(), document);
  } else {
    fmt::print("{}\n", document);
  }
  return 0;
}

}  // namespace
}  // namespace mb

int main(int argc, char** argv) {
  try {
    return mb::run(argc, argv);
  } catch (const mb::Error& error) {
    fmt::print(stderr, "machine: {}\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "machine: {}\n", error.what());
    return static_cast<int>(mb::ErrorCode::kFailure);
  }
}
