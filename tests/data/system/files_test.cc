#include "data/system/files.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <set>

#include "data/error.h"

namespace mb {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

void put(const fs::path& path, std::string_view content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << content;
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(RequireWritable, AgreesWithTheWriteThatFollowsAndWritesNothing) {
  const TemporaryFolder folder;
  put(folder.path() / "old", "old");
  fs::create_symlink(folder.path() / "old", folder.path() / "link");
  const auto at = [&](const char* name) { return folder.path() / name; };
  for (const fs::path& good : {at("new"), at("old"), at("link"), fs::path("/dev/null")}) {
    EXPECT_EQ(error_of([&] { require_writable(good); }), "no error") << good;
  }
  EXPECT_EQ(read_file(at("old")), "old");
  EXPECT_EQ(entries(folder.path()), 2u);
  for (const fs::path& bad :
       {folder.path(), at("none/new"), at("old/new"), fs::path("/dev/null/x")}) {
    const std::string refused = error_of([&] { require_writable(bad); });
    EXPECT_THAT(refused, HasSubstr(bad.string() + ": cannot "));
    EXPECT_NE(error_of([&] { write_file_atomically(bad, "text"); }), "no error") << bad;
  }
  EXPECT_EQ(error_of([&] { require_writable(at("old/new")); }),
            error_of([&] { write_file_atomically(at("old/new"), "text"); }));
  for (const char* good : {"new", "old", "link"}) write_file_atomically(at(good), "text");
}

TEST(HostFiles, ReadsBelowItsRootOnly) {
  const TemporaryFolder folder;
  put(folder.path() / "root/sys/a", "5\n");
  put(folder.path() / "secret", "outside");
  const HostFiles host(folder.path() / "root");
  EXPECT_THAT(host.read("/sys/a"), Optional(std::string("5")));
  EXPECT_EQ(host.read("/../secret"), std::nullopt);
  EXPECT_EQ(host.read("/sys/missing"), std::nullopt);
  EXPECT_EQ(host.read("/sys"), std::nullopt);
  EXPECT_TRUE(host.exists("/sys/a"));
  EXPECT_FALSE(host.exists("/secret"));
}

TEST(HostFiles, KeepsAllButTheLastNewlineAndAtMostAMebibyte) {
  const TemporaryFolder folder;
  put(folder.path() / "two", "a\n\n");
  put(folder.path() / "empty", "");
  put(folder.path() / "large", std::string((1u << 20) + 5, 'x'));
  const HostFiles host(folder.path());
  EXPECT_THAT(host.read("/two"), Optional(std::string("a\n")));
  EXPECT_THAT(host.read("/empty"), Optional(std::string()));
  EXPECT_EQ(host.read("/large")->size(), 1u << 20);
}

TEST(HostFiles, DoesNotHangOnAFifo) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder.path() / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(HostFiles(folder.path()).read("/fifo"), Optional(std::string()));
}

TEST(HostFiles, ListsSortedNames) {
  const TemporaryFolder folder;
  for (const char* name : {"b", "a", "c"}) put(folder.path() / "d" / name, "");
  EXPECT_THAT(HostFiles(folder.path()).list("/d"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(HostFiles(folder.path()).list("/none"), IsEmpty());
}

TEST(ReadFile, NamesTheFileThatIsMissingOrTooLarge) {
  const TemporaryFolder folder;
  put(folder.path() / "f", "12345");
  EXPECT_EQ(read_file(folder.path() / "f", 5), "12345");
  EXPECT_THAT(error_of([&] { read_file(folder.path() / "f", 4); }), HasSubstr("larger than 4"));
  EXPECT_THAT(error_of([&] { read_file(folder.path() / "g"); }), HasSubstr("/g: cannot open"));
  EXPECT_THAT(error_of([&] { read_file(folder.path()); }), HasSubstr("cannot read"));
}

TEST(WriteFileAtomically, ReplacesWholeAndLeavesNoTemporary) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "document.json";
  write_file_atomically(path, "first, which is longer");
  write_file_atomically(path, "second");
  EXPECT_EQ(read_file(path), "second");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(WriteFileAtomically, KeepsALinkAndReplacesItsTarget) {
  const TemporaryFolder folder;
  put(folder.path() / "real", "old");
  fs::create_symlink("real", folder.path() / "link");
  write_file_atomically(folder.path() / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
  EXPECT_EQ(read_file(folder.path() / "real"), "new");
}

TEST(WriteFileAtomically, LeavesADeviceADevice) {
  write_file_atomically("/dev/null", "text");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(WriteFileAtomically, SaysWhatIsWrongWithTheTarget) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { write_file_atomically(folder.path() / "no/such/f", "x"); }),
              HasSubstr("no/such/f: cannot create: No such file"));
  EXPECT_THAT(error_of([&] { write_file_atomically(folder.path(), "x"); }),
              HasSubstr("Is a directory"));
  EXPECT_EQ(entries(folder.path()), 0u);
}

TEST(WriteFileAtomically, OnAFullDiskKeepsNothingHalfWritten) {
  EXPECT_THAT(error_of([] { write_file_atomically("/dev/full", "x"); }), HasSubstr("No space"));
}

TEST(Journal, GivesBackItsLinesInOrder) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "journal";
  EXPECT_THAT(read_journal(path), IsEmpty());
  append_journal(path, R"({"step":1})");
  append_journal(path, "");
  append_journal(path, "three words here");
  EXPECT_THAT(read_journal(path), ElementsAre(R"({"step":1})", "", "three words here"));
}

TEST(Journal, StoresTheStandardCrc) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "journal";
  append_journal(path, "123456789");  // the check value of CRC-32
  EXPECT_EQ(read_file(path), "cbf43926 123456789\n");
}

TEST(Journal, TornAtAnyByteLosesOnlyItsLastLineAndGoesOn) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "journal";
  append_journal(path, "one");
  append_journal(path, "two");
  const std::string whole = read_file(path);
  const std::size_t first = whole.find('\n') + 1;
  for (std::size_t length = first; length < whole.size() - 1; ++length) {
    put(path, whole.substr(0, length));
    EXPECT_THAT(read_journal(path), ElementsAre("one")) << length;
    append_journal(path, "three");
    EXPECT_THAT(read_journal(path), ElementsAre("one", "three")) << length;
  }
}

TEST(Journal, SkipsADamagedLine) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "journal";
  append_journal(path, "one");
  append_journal(path, "two");
  std::string text = read_file(path);
  text[text.find("one")] = 'O';
  put(path, text);
  EXPECT_THAT(read_journal(path), ElementsAre("two"));
}

TEST(Journal, RefusesAnEntryOfTwoLines) {
  const TemporaryFolder folder;
  EXPECT_THROW(append_journal(folder.path() / "journal", "a\nb"), Error);
}

TEST(RemoveStaleTemporaries, TakesThoseOfDeadProcessesAndNothingElse) {
  const TemporaryFolder folder;
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  const std::string theirs = fmt::format(".results.json.{}.0.tmp", dead);
  const std::set<std::string> kept = {fmt::format(".results.json.{}.0.tmp", ::getpid()),
                                      fmt::format("results.json.{}.0.tmp", dead),
                                      fmt::format(".results.json.{}.0", dead),
                                      fmt::format(".{}.0.tmp", dead),
                                      ".a.b.c.tmp",
                                      ".a.-1.0.tmp",
                                      "results.json"};
  for (const std::string& name : kept) write_file_atomically(folder.path() / name, "x");
  write_file_atomically(folder.path() / theirs, "x");
  remove_stale_temporaries(folder.path());
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    left.insert(entry.path().filename().string());
  }
  EXPECT_EQ(left, kept);
  remove_stale_temporaries(folder.path() / "nowhere");  // no folder, nothing to do
}

TEST(FolderLock, HoldsUntilItsEnd) {
  const TemporaryFolder folder;
  {
    const FolderLock held(folder.path());
    EXPECT_THROW(FolderLock(folder.path()), Error);
  }
  EXPECT_NO_THROW(FolderLock(folder.path()));
  EXPECT_THROW(FolderLock(folder.path() / "nowhere"), Error);
}

TEST(TemporaryFolder, TakesAwayWhatKilledProcessesLeftAndNothingElse) {
  const TemporaryFolder parent;
  const auto make = [&](const std::string& name, int hours_old) {
    put(parent.path() / name / "half.png", "x");
    fs::last_write_time(parent.path() / name,
                        fs::file_time_type::clock::now() - std::chrono::hours(hours_old));
  };
  make(".memory_benchmark.aaaaaa", 25);
  make(".memory_benchmark.bbbbbb", 23);
  make("memory_benchmark.report", 25);
  make("another.program.aaaaaa", 25);
  fs::create_directory_symlink(parent.path() / "another.program.aaaaaa",
                               parent.path() / ".memory_benchmark.cccccc");
  { const TemporaryFolder made(parent.path()); }
  std::set<std::string> left;
  for (const auto& entry : fs::directory_iterator(parent.path())) {
    left.insert(entry.path().filename().string());
  }
  EXPECT_EQ(left, (std::set<std::string>{".memory_benchmark.bbbbbb", ".memory_benchmark.cccccc",
                                         "memory_benchmark.report", "another.program.aaaaaa"}));
  EXPECT_TRUE(fs::exists(parent.path() / "another.program.aaaaaa/half.png"));
}

TEST(TemporaryFolder, RemovesAllItHolds) {
  fs::path path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    put(path / "a/b/c", "x");
    EXPECT_TRUE(fs::exists(path / "a/b/c"));
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace mb
