// Headers put together byte by byte: what is right is read exactly, what is wrong is refused in one
// line that names the file and the culprit.
#include "workloads/shapes/gguf_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "data/error.h"
#include "data/system/files.h"
#include "tests/workloads/shapes/gguf_builder.h"

namespace mb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GgufFileTest : public ::testing::Test {
 protected:
  std::filesystem::path file(std::string_view content, const std::string& name = "m.gguf") {
    return put_file(folder_.path() / name, content);
  }
  // The message of what is thrown, checked to be one printable line that names the file.
  std::string refusal(const std::filesystem::path& path) {
    try {
      read_gguf_parts(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kFailure);
      const std::string message = error.what();
      EXPECT_THAT(message, HasSubstr(".gguf"));
      for (const char c : message) EXPECT_TRUE(c >= ' ' && c <= '~') << message;
      return message;
    }
    return "no error";
  }
  std::string refusal_of(std::string_view content) { return refusal(file(content)); }
  TemporaryFolder folder_;
};

TEST_F(GgufFileTest, ReadsPairsAndTensorsExactly) {
  GgufBuilder builder = tiny_model();
  builder.pair(
      "some.array", kGgufArray,
      raw(std::uint32_t{5}) + raw(std::uint64_t{2}) + raw(std::int32_t{-7}) + raw(std::int32_t{8}));
  builder.pair("some.words", kGgufArray,
               raw(kGgufString) + raw(std::uint64_t{2}) + gguf_string("one") + gguf_string("two"));
  builder.pair("some.real", kGgufF32, raw(1.5f)).pair("some.truth", kGgufBool, std::string(1, 1));
  const GgufFile read = read_gguf(file(builder.bytes(kTinyDataBytes)));
  EXPECT_EQ(read.version, 3u);
  EXPECT_EQ(read.text("general.architecture"), "llama");
  EXPECT_EQ(read.number("llama.embedding_length"), 64);
  EXPECT_EQ(read.number("no.such.key"), std::nullopt);
  EXPECT_EQ(read.real("some.real"), 1.5);
  EXPECT_EQ(read.array("some.array")->numbers, (std::vector<std::int64_t>{-7, 8}));
  EXPECT_EQ(read.array("some.words")->count, 2u);
  ASSERT_EQ(read.tensors.size(), 3u);
  EXPECT_EQ(read.tensors[2].name, "blk.0.attn_q.weight");
  EXPECT_EQ(read.tensors[2].type, WeightType::kQ4_0);
  EXPECT_EQ(read.tensors[2].bytes, 64 * 64 / 32 * 18);
  EXPECT_EQ(read.tensors[2].offset, 2816u);
  EXPECT_EQ(read.data_start + kTinyDataBytes, read.file_bytes);
}

TEST_F(GgufFileTest, VersionTwoIsReadOthersAreNot) {
  EXPECT_EQ(read_gguf(file(tiny_model().bytes(kTinyDataBytes, 2))).version, 2u);
  EXPECT_THAT(refusal_of(tiny_model().bytes(kTinyDataBytes, 1)), HasSubstr("version 1"));
  EXPECT_THAT(refusal_of(tiny_model().bytes(kTinyDataBytes, 77)), HasSubstr("version 77"));
}

TEST_F(GgufFileTest, BigEndianIsNamedSo) {
  EXPECT_THAT(refusal_of(tiny_model().bytes(kTinyDataBytes, 0x03000000)), HasSubstr("big-endian"));
}

TEST_F(GgufFileTest, WhatIsNoGgufIsRefused) {
  EXPECT_THAT(refusal_of(""), HasSubstr("empty"));
  EXPECT_THAT(refusal_of("PK\x03\x04 something else, long enough"), HasSubstr("no GGUF file"));
  EXPECT_THAT(refusal(folder_.path() / "absent.gguf"), HasSubstr("No such file"));
  const auto inner = folder_.path() / "folder.gguf";
  std::filesystem::create_directory(inner);
  EXPECT_THAT(refusal(inner), HasSubstr("no regular file"));
  const auto fifo = folder_.path() / "fifo.gguf";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(refusal(fifo), HasSubstr("no regular file"));
}

TEST_F(GgufFileTest, CutOffAtEveryByteIsRefused) {
  GgufBuilder builder = tiny_model();
  builder.pair("some.words", kGgufArray,
               raw(kGgufString) + raw(std::uint64_t{2}) + gguf_string("one") + gguf_string("two"));
  const std::string whole = builder.bytes(kTinyDataBytes);
  ASSERT_NO_THROW(read_gguf(file(whole)));
  for (std::size_t length = 0; length < whole.size(); length += length < 1024 ? 1 : 97) {
    const std::string message = refusal_of(std::string_view(whole).substr(0, length));
    EXPECT_THAT(message, Not(HasSubstr("no error"))) << length;
    if (length > 4) {
      EXPECT_THAT(message, HasSubstr("cut off")) << length;
    }
  }
}

TEST_F(GgufFileTest, AbsurdCountsAreRefused) {
  EXPECT_THAT(refusal_of(tiny_model().claim(1'000'000'000, 9).bytes()), HasSubstr("1000000000"));
  EXPECT_THAT(refusal_of(tiny_model().claim(3, 1'000'000'000'000).bytes()),
              HasSubstr("1000000000000 key-value"));
  EXPECT_THAT(refusal_of(GgufBuilder().pair("a", kGgufString, raw(std::uint64_t{1} << 60)).bytes()),
              HasSubstr("cut off"));
  EXPECT_THAT(
      refusal_of(
          GgufBuilder().pair("a", kGgufArray, raw(kGgufU64) + raw(~std::uint64_t{0})).bytes()),
      HasSubstr("cut off"));
  EXPECT_THAT(refusal_of(GgufBuilder().pair("a", 99, "x").bytes()), HasSubstr("unknown type 99"));
  EXPECT_THAT(refusal_of(GgufBuilder()
                             .pair("a", kGgufArray, raw(std::uint32_t{99}) + raw(std::uint64_t{1}))
                             .bytes(64)),
              HasSubstr("unknown type 99"));
}

TEST_F(GgufFileTest, NestedArraysAreBounded) {
  std::string value;
  for (int depth = 0; depth < 2000; ++depth) value += raw(kGgufArray) + raw(std::uint64_t{1});
  EXPECT_THAT(refusal_of(GgufBuilder().pair("deep", kGgufArray, value).bytes(4096)),
              HasSubstr("nested"));
}

TEST_F(GgufFileTest, NamesMustBeUtf8AndDistinct) {
  EXPECT_THAT(refusal_of(GgufBuilder().number("bad\xff\xfe", 1).bytes()), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal_of(GgufBuilder().tensor("\xc0\xaf", {32}, 0, 0).bytes(128)),
              HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal_of(GgufBuilder().tensor("\xed\xa0\x80", {32}, 0, 0).bytes(128)),
              HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal_of(GgufBuilder().tensor("", {32}, 0, 0).bytes(128)), HasSubstr("empty"));
  EXPECT_THAT(refusal_of(GgufBuilder().number("twice", 1).number("twice", 2).bytes()),
              HasSubstr("twice stands twice"));
  EXPECT_THAT(
      refusal_of(GgufBuilder().tensor("same", {8}, 0, 0).tensor("same", {8}, 0, 32).bytes(64)),
      HasSubstr("same stands twice"));
  EXPECT_THAT(refusal_of(GgufBuilder().tensor(std::string(5000, 'x'), {8}, 0, 0).bytes(64)),
              HasSubstr("5000 bytes long"));
}

TEST_F(GgufFileTest, TensorsMustBeWholeApartAndInsideTheFile) {
  const auto one = [&](const std::vector<std::uint64_t>& extents, std::uint32_t type,
                       std::uint64_t offset) {
    return refusal_of(GgufBuilder().tensor("t", extents, type, offset).bytes(4096));
  };
  EXPECT_THAT(one({33}, 2, 0), HasSubstr("no multiple of the 32 of q4_0"));
  EXPECT_THAT(one({0, 32}, 0, 0), HasSubstr("0 elements"));
  EXPECT_THAT(one({}, 0, 0), HasSubstr("0 dimensions"));
  EXPECT_THAT(one({1, 1, 1, 1, 1}, 0, 0), HasSubstr("5 dimensions"));
  EXPECT_THAT(one({8}, 4, 0), HasSubstr("type 4"));  // a type that was taken out of GGUF
  EXPECT_THAT(one({8}, 0, 16), HasSubstr("alignment 32"));
  EXPECT_THAT(one({2048}, 0, 0), HasSubstr("ends beyond"));
  EXPECT_THAT(one({8}, 0, ~std::uint64_t{31}), HasSubstr("ends beyond"));
  EXPECT_THAT(one({std::uint64_t{1} << 39, std::uint64_t{1} << 39}, 0, 0),
              HasSubstr("absurdly large"));
  EXPECT_THAT(refusal_of(GgufBuilder().tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).bytes(4096)),
              HasSubstr("a and b overlap"));
  EXPECT_THAT(
      refusal_of(GgufBuilder().number("general.alignment", 24).tensor("a", {16}, 0, 0).bytes(4096)),
      HasSubstr("power of two"));
}

TEST_F(GgufFileTest, AccessorsNameKeysOfAnotherType) {
  const GgufFile read = read_gguf(file(tiny_model().bytes(kTinyDataBytes)));
  EXPECT_THROW(read.number("general.name"), Error);
  EXPECT_THROW(read.text("llama.block_count"), Error);
  EXPECT_THROW(read.real("general.name"), Error);
}

// ---- split files ----

GgufBuilder part(std::uint32_t number, std::uint32_t count, const std::string& tensor) {
  GgufBuilder builder = number == 0 ? tiny_pairs() : GgufBuilder();
  builder.number("split.no", number).number("split.count", count);
  return builder.tensor(tensor, {8}, 0, 0);
}

TEST_F(GgufFileTest, PartsAreFoundFromAnyOfThem) {
  file(part(0, 2, "a").number("split.tensors.count", 2).bytes(32), "m-00001-of-00002.gguf");
  file(part(1, 2, "b").bytes(32), "m-00002-of-00002.gguf");
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    const auto parts = read_gguf_parts(folder_.path() / name);
    ASSERT_EQ(parts.size(), 2u);
    EXPECT_EQ(parts[0].tensors[0].name, "a");
    EXPECT_EQ(parts[1].tensors[0].name, "b");
  }
}

TEST_F(GgufFileTest, PartsThatDoNotBelongTogetherAreRefused) {
  const auto first = file(part(0, 2, "a").bytes(32), "m-00001-of-00002.gguf");
  EXPECT_THAT(refusal(first), HasSubstr("m-00002-of-00002.gguf: missing"));
  // A part that is the first one again: a link in a circle.
  std::filesystem::create_symlink(first, folder_.path() / "m-00002-of-00002.gguf");
  EXPECT_THAT(refusal(first), HasSubstr("says it is part 1 of 2"));
  std::filesystem::remove(folder_.path() / "m-00002-of-00002.gguf");
  const auto second = file(part(1, 2, "a").bytes(32), "m-00002-of-00002.gguf");
  EXPECT_THAT(refusal(first), HasSubstr("tensor a of an earlier part"));
  file(part(1, 3, "b").bytes(32), "m-00002-of-00002.gguf");
  EXPECT_THAT(refusal(first), HasSubstr("part 2 of 3"));
  EXPECT_THAT(refusal(second), HasSubstr("not named so"));
}

TEST_F(GgufFileTest, CountsOfPartsAreChecked) {
  EXPECT_THAT(refusal(file(part(0, 2'000'000'000, "a").bytes(32), "m.gguf")),
              HasSubstr("split.count is 2000000000"));
  EXPECT_THAT(refusal(file(part(0, 2, "a").bytes(32), "renamed.gguf")), HasSubstr("not named so"));
  file(part(1, 2, "b").bytes(32), "n-00002-of-00002.gguf");
  EXPECT_THAT(refusal(file(part(0, 2, "a").number("split.tensors.count", 9).bytes(32),
                           "n-00001-of-00002.gguf")),
              HasSubstr("the first says 9"));
}

TEST(Printable, KeepsMessagesToOneShortLine) {
  EXPECT_EQ(printable("a\nb\x1b[31m\xff"), "a?b?[31m?");
  EXPECT_EQ(printable(std::string(100, 'x')), std::string(80, 'x') + "...");
}

}  // namespace
}  // namespace mb
