// Every document that a released version wrote is still read, with its samples.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/documents/sweep.h"

namespace mb {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(ReleasedDocuments, AreStillReadWithTheirSamples) {
  std::set<std::string> kinds;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/data/released")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".json") continue;
    const std::string kind = name.substr(0, name.find('-')), text = text_of(entry.path());
    kinds.insert(kind);
    if (kind == "results") {
      const Results results = results_from_json_text(text, name);
      EXPECT_FALSE(results.points.empty()) << name;
      for (const Point& point : results.points) {
        EXPECT_EQ(point.samples.size(), static_cast<std::size_t>(point.summary.count))
            << point.name;
      }
    } else if (kind == "recommendation") {
      EXPECT_FALSE(recommendation_from_json_text(text, name).models.empty()) << name;
    } else if (kind == "sweep") {
      EXPECT_FALSE(sweep_from_json_text(text, name).series.empty()) << name;
    } else {
      ADD_FAILURE() << name << " is of no known kind";
    }
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"recommendation", "results", "sweep"}));
}

}  // namespace
}  // namespace mb
