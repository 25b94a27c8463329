// Writes one full sample of each document into the folder given: what schema_test.py validates.
#include <cstdio>
#include <filesystem>

#include "data/error.h"
#include "data/system/files.h"
#include "tests/data/documents/samples.h"

int main(int argc, char** argv) try {
  if (argc != 2) throw mb::Error(mb::ErrorCode::kUsage, "usage: write_samples FOLDER");
  const std::filesystem::path folder = argv[1];
  mb::write_file_atomically(folder / "results.json", to_json_text(mb::sample_results()));
  mb::write_file_atomically(folder / "sweep.json", to_json_text(mb::sample_sweep()));
  mb::write_file_atomically(folder / "recommendation.json",
                            to_json_text(mb::sample_recommendation()));
  mb::write_file_atomically(folder / "comparison.json", to_json_text(mb::sample_comparison()));
  return 0;
} catch (const mb::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return error.exit_code();
}
