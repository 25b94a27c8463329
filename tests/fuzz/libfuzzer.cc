// The driver of libFuzzer (preset `fuzz`, clang). One program; its name says which target:
// fuzz_results runs `results`. FUZZ_SEEDS=FOLDER writes the seeds of the target there and ends.
// scripts/fuzz.sh does all of that.
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "data/system/files.h"
#include "tests/fuzz/targets.h"

namespace {

const mb::FuzzTarget* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char*** argv) {
  const std::string name = std::filesystem::path((*argv)[0]).filename();
  for (const mb::FuzzTarget& target : mb::fuzz_targets()) {
    if (name == fmt::format("fuzz_{}", target.name)) chosen = &target;
    if (name == "fuzz") fmt::print("{}\n", target.name);
  }
  if (chosen == nullptr) std::exit(name == "fuzz" ? 0 : 2);
  if (const char* folder = std::getenv("FUZZ_SEEDS")) {
    int count = 0;
    for (const std::string& seed : chosen->seeds()) {
      mb::write_file_atomically(std::filesystem::path(folder) / fmt::format("seed{}", count++),
                                seed);
    }
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mb::takes(*chosen, {reinterpret_cast<const char*>(data), size});
  return 0;
}
