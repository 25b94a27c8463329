// Writes what the renderers make of the fixtures into a folder: pages for the browser test, and
// pictures and texts to look at. Usage: render_pages FOLDER
#include <filesystem>
#include <iostream>

#include "data/system/files.h"
#include "reports/render/comparison.h"
#include "reports/render/render.h"
#include "tests/data/documents/samples.h"
#include "tests/reports/render/fixtures_hostile.h"
#include "tests/reports/render/fixtures_wide.h"

namespace {

void write_all(const std::filesystem::path& folder, const std::string& name,
               const mb::fixture::Documents& documents) {
  const auto& [results, recommendation] = documents;
  mb::write_file_atomically(folder / (name + ".html"), mb::render_html(results, recommendation));
  mb::write_file_atomically(folder / (name + ".txt"),
                            mb::render_terminal(results, recommendation, {}));
  mb::write_file_atomically(folder / (name + "-results.json"), mb::to_json_text(results));
  mb::write_file_atomically(folder / (name + "-recommendation.json"),
                            mb::to_json_text(recommendation));
  if (const auto missing = mb::render_png(results, recommendation, folder / (name + ".png"))) {
    std::cerr << missing->what << ": " << missing->cause << "; " << missing->remedy << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: render_pages FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  write_all(folder, "small", mb::fixture::small_guest());
  write_all(folder, "smt", mb::fixture::smt_machine());
  write_all(folder, "nodes", mb::fixture::two_nodes());
  write_all(folder, "changed", mb::fixture::one_point_changed());
  write_all(folder, "hostile", mb::fixture::hostile());
  mb::write_file_atomically(folder / "compare.html",
                            mb::render_comparison_html(mb::sample_comparison()));
  return 0;
}
