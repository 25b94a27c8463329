#include "reports/cli/output_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "data/error.h"
#include "data/system/files.h"
#include "probes/campaign/journal.h"

namespace mb {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::filesystem::path& path) {
  try {
    OutputFolder::create(path.string());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(OutputFolder, IsCreatedAndTakenAwayAgainWhenNothingWasWritten) {
  const TemporaryFolder parent;
  const auto wanted = parent.path() / "a" / "b";
  {
    const auto folder = OutputFolder::create(wanted.string());
    EXPECT_TRUE(std::filesystem::is_directory(wanted));
    EXPECT_EQ(folder.path(), wanted);
  }
  EXPECT_FALSE(std::filesystem::exists(wanted));
  {
    const auto folder = OutputFolder::create(wanted.string());
    write_file_atomically(wanted / "results.json", "{}");
  }
  EXPECT_TRUE(std::filesystem::exists(wanted / "results.json"));
}

TEST(OutputFolder, AnExistingEmptyFolderStays) {
  const TemporaryFolder parent;
  { const auto folder = OutputFolder::create(parent.path().string()); }
  EXPECT_TRUE(std::filesystem::exists(parent.path()));
}

TEST(OutputFolder, FilesOfAnEarlierRunAreNeverOverwritten) {
  for (const char* file : {"results.json", "recommendation.json", "report.html", "report.png"}) {
    const TemporaryFolder parent;
    write_file_atomically(parent.path() / file, "precious");
    EXPECT_THAT(refusal(parent.path()), HasSubstr(file));
    EXPECT_EQ(read_file(parent.path() / file), "precious");
  }
}

TEST(OutputFolder, AnUnfinishedRunIsPointedTo) {
  const TemporaryFolder parent;
  begin_journal(parent.path() / kJournalName, Journal{});
  EXPECT_THAT(refusal(parent.path()), HasSubstr("--resume " + parent.path().string()));
  EXPECT_EQ(OutputFolder::resume(parent.path().string()).path(), parent.path());
}

TEST(OutputFolder, WithoutAnUnfinishedRunThereIsNothingToResume) {
  const TemporaryFolder parent;
  EXPECT_THROW(OutputFolder::resume(parent.path().string()), Error);
  EXPECT_THROW(OutputFolder::resume((parent.path() / "missing").string()), Error);
}

TEST(OutputFolder, AFileInItsPlaceIsRefused) {
  const TemporaryFolder parent;
  write_file_atomically(parent.path() / "file", "x");
  EXPECT_THAT(refusal(parent.path() / "file"), HasSubstr("cannot be written"));
  EXPECT_THAT(refusal(parent.path() / "file" / "below"), HasSubstr("cannot be written"));
}

}  // namespace
}  // namespace mb
