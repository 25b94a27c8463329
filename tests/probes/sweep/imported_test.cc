#include "probes/sweep/imported.h"

#include <gmock/gmock.h>

#include "data/error.h"
#include "data/system/files.h"

namespace mb {
namespace {

using testing::HasSubstr;

ImportFile stored(const std::string& name) {
  return {"a/" + name + ".txt",
          read_file(SOURCE_DIR "/tests/probes/sweep/outputs/" + name + ".txt")};
}

std::string error_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Import, LlamaBenchInEveryFormatIsTheSameSweep) {
  for (const char* name :
       {"llama-bench-json", "llama-bench-jsonl", "llama-bench-csv", "llama-bench-sql"}) {
    const Sweep sweep = import_sweep({stored(name)}, "decode");
    ASSERT_EQ(sweep.series.size(), 2u) << name;
    EXPECT_EQ(sweep.series[0].phase, "prefill");
    EXPECT_EQ(sweep.series[0].prompt_tokens, 512);
    EXPECT_EQ(sweep.series[0].points.at(0).threads, 8);
    EXPECT_EQ(sweep.series[0].points[0].tokens_per_second, 40.5);
    EXPECT_EQ(sweep.series[1].context_tokens, 4096);
    EXPECT_EQ(sweep.machine.cpu, "AMD Ryzen 7 7800X3D 8-Core Processor");
    EXPECT_EQ(sweep.engine_name, "llama.cpp 8cf427ff");
    EXPECT_THAT(sweep.caveats, HasSubstr("qwen3 4B Q4_0"));
  }
}

TEST(Import, CsvMayHaveAHeaderCommentsAndOtherSeparators) {
  const Sweep sweep =
      import_sweep({{"x.csv", "threads,tok/s\n# by hand\n1,5.5\n2,10.25\n"}}, "prefill");
  ASSERT_EQ(sweep.series.size(), 1u);
  EXPECT_EQ(sweep.series[0].phase, "prefill");
  EXPECT_EQ(sweep.series[0].points.at(1).tokens_per_second, 10.25);
  EXPECT_EQ(import_format("1\t5\n2\t6\n"), ImportFormat::kCsv);
  EXPECT_THAT(error_of([] {
                import_sweep({{"x.csv", "1.5,5\n"}}, "decode");
              }),
              HasSubstr("x.csv: line 1: 1.5 is no thread count"));
}

TEST(Import, AFigureThatIsNoThreadCountIsNone) {
  EXPECT_THAT(error_of([] {
                import_sweep({{"x.csv", "4022470000,5\n"}}, "decode");
              }),
              HasSubstr("4022470000 is no thread count"));
  ImportFile bench = stored("llama-bench-jsonl");
  const std::string eight = "\"n_threads\": 8";
  for (std::size_t at; (at = bench.text.find(eight)) != std::string::npos;) {
    bench.text.replace(at, eight.size(), "\"n_threads\": 4022470000");
  }
  EXPECT_THAT(error_of([&] { import_sweep({bench}, "decode"); }), HasSubstr("no thread count"));
}

TEST(Import, WhatIsNoneOfTheFormatsIsNamed) {
  for (const char* text : {"", "hello\n", "a,b\n", "1,2\nx,y\n", "1,-2\n", "{\"name\": 1}"}) {
    EXPECT_EQ(import_format(text), std::nullopt) << text;
    EXPECT_THAT(error_of([&] { import_sweep({{"f.txt", text}}, "decode"); }), HasSubstr("f.txt"));
  }
}

TEST(Import, ASectionOfALogThatTookNoTimeIsRefused) {
  const ImportFile file{"m.txt", "Measure time read files, 1 thread\n\nreal\t0m0.000s\n"};
  EXPECT_THAT(error_of([&] { import_shm_log(file, 1 << 20); }), HasSubstr("too small"));
  EXPECT_THAT(error_of([] { import_shm_log({"m.txt", "real\t0m1.0s\n"}, 1); }), HasSubstr("m.txt"));
}

}  // namespace
}  // namespace mb
