// Writes a GGUF file of random weights, so that an engine can be timed without downloading any.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/streams.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/parse.h"
#include "reports/render/format.h"
#include "workloads/shapes/gguf_writer.h"

namespace mb {
namespace {

// A percentage on a terminal's line; nothing elsewhere. Ends the work when somebody interrupts it.
SynthesisProgress progress() {
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  return [terminal, shown = std::int64_t{-1}](std::int64_t written, std::int64_t all) mutable {
    if (interrupt_requested()) {
      throw Error(ErrorCode::kInterrupted, "interrupted; the partial file was removed");
    }
    const std::int64_t percent = written / (all / 100 + 1);
    if (!terminal || percent == shown) return;
    shown = percent;
    tell("\r{} %{}", percent, written == all ? "\r" : "");
  };
}

}  // namespace

int run_synthesize(const Arguments& arguments) {
  Flags flags("synthesize",
              "Writes a GGUF file of MODEL's shape with random weights and a byte-level tokenizer.",
              {"MODEL"},
              "  memory_benchmark synthesize qwen3-0.6b:q4_0 --out random-0.6b.gguf\n"
              "  memory_benchmark synthesize 4B:q4_k_m --out random-4b.gguf\n"
              "  memory_benchmark synthesize checkpoint/config.json:q8_0 --out random.gguf\n");
  flags.value("out", "FILE.gguf", "the file to write; it must not exist")
      .value("seed", "NUMBER", "of the random weights (default 1)")
      .flag("json", "print what was written as JSON");
  if (!flags.parse(arguments)) return 0;
  const auto out = flags.get("out");
  if (!out || out->empty()) {
    throw Error(ErrorCode::kUsage, "synthesize: --out FILE.gguf is missing");
  }
  std::int64_t seed = 1;
  if (const auto text = flags.get("seed")) seed = parse_count("--seed", *text, 0);
  const ModelShape shape = find_model(flags.positional(0));
  install_interrupt_handler();
  const std::int64_t bytes =
      synthesize_gguf(shape, *out, static_cast<std::uint64_t>(seed), progress());
  if (flags.has("json")) {
    const nlohmann::ordered_json json{{"model", shape.spec()},
                                      {"file", *out},
                                      {"file_bytes", bytes},
                                      {"parameters", shape.parameters()},
                                      {"weight_bytes", shape.weight_bytes()}};
    fmt::print("{}\n", json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    fmt::print("{}: {}, {} parameters, {}\n", *out, shape.spec(), shape.parameters(),
               format_bytes(static_cast<double>(bytes)));
  }
  return 0;
}

}  // namespace mb
