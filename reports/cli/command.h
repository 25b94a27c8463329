// A subcommand: one file, one function, one line in main.cc's table. A function parses its flags,
// wires the rooms together and prints; what can go wrong is thrown as Error and printed by main.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mb {

// What follows the subcommand's name.
using Arguments = std::vector<std::string>;

struct Command {
  std::string_view name;
  std::string_view arguments;  // "RESULTS --model M"
  std::string_view summary;
  int (*run)(const Arguments& arguments);  // returns the exit code
};

int run_run(const Arguments& arguments);
int run_shm(const Arguments& arguments);
int run_probe(const Arguments& arguments);
int run_inspect(const Arguments& arguments);
int run_synthesize(const Arguments& arguments);
int run_predict(const Arguments& arguments);
int run_recommend(const Arguments& arguments);
int run_scenario(const Arguments& arguments);
int run_report(const Arguments& arguments);
int run_compare(const Arguments& arguments);
int run_sweep_command(const Arguments& arguments);
int run_import(const Arguments& arguments);
int run_validate(const Arguments& arguments);
int run_calibrate(const Arguments& arguments);
int run_fit(const Arguments& arguments);
int run_topology(const Arguments& arguments);

}  // namespace mb
