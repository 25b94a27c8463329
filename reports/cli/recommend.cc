// Advice from a results document: the summary, the document, or one engine's settings.
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "data/error.h"
#include "data/system/files.h"
#include "data/system/streams.h"
#include "reports/cli/command.h"
#include "reports/cli/flags.h"
#include "reports/cli/inputs.h"
#include "reports/cli/parse.h"
#include "reports/cli/request.h"
#include "reports/cli/terminal.h"
#include "reports/cli/trust.h"
#include "reports/model/calibrate.h"
#include "reports/render/levers.h"
#include "reports/render/render.h"

namespace mb {
namespace {

int list_formats() {
  for (const EngineFormat& format : engine_formats()) {
    fmt::print("{:<18}{}\n", format.name, format.summary);
  }
  return 0;
}

void print_or_write(const Flags& flags, const std::string& text) {
  if (const auto file = flags.get("out")) {
    write_file_atomically(*file, text);
  } else {
    fmt::print("{}", text);
  }
}

std::optional<GpuOffer> gpu_of(const Flags& flags) {
  const auto memory = flags.get("gpu-memory");
  if (!memory) {
    for (const char* other : {"gpu-bandwidth", "gpu-overhead"}) {
      if (flags.has(other)) {
        throw Error(ErrorCode::kUsage,
                    fmt::format("--{}: needs --gpu-memory, such as --gpu-memory 8GiB", other));
      }
    }
    return std::nullopt;
  }
  GpuOffer gpu;
  gpu.memory_bytes = static_cast<std::int64_t>(parse_bytes("--gpu-memory", *memory));
  if (const auto rate = flags.get("gpu-bandwidth")) {
    gpu.bandwidth_bytes_per_second = parse_bytes_per_second("--gpu-bandwidth", *rate);
  }
  if (const auto bytes = flags.get("gpu-overhead")) {
    gpu.overhead_bytes = static_cast<std::int64_t>(parse_bytes("--gpu-overhead", *bytes));
  }
  return gpu;
}

AdviceRequest advice_request(const Flags& flags) {
  AdviceRequest request;
  request.models = canonical_models(flags.all("model"));
  if (const auto share = flags.get("tolerance")) {
    request.tolerance = parse_share("--tolerance", *share);
  }
  const Query query = query_of(flags);
  request.prompt_tokens = query.prompt_tokens;
  request.context_tokens = query.context_tokens;
  request.kv_type = query.kv_type;
  request.batch = query.batch;
  if (const auto rate = flags.get("target")) {
    request.target_tokens_per_second = parse_positive("--target", *rate);
  }
  request.gpu = gpu_of(flags);
  request.results_file = std::filesystem::path(flags.positional(0)).filename().string();
  return request;
}

}  // namespace

int run_recommend(const Arguments& arguments) {
  // Asks for no document, so it must not need one.
  if (arguments == Arguments{"--format", "list"} || arguments == Arguments{"--format=list"}) {
    return list_formats();
  }
  Flags flags("recommend", "Advises thread counts from a results document.", {"RESULTS"},
              "  memory_benchmark recommend D/results.json\n"
              "  memory_benchmark recommend D/results.json --model qwen3-4b --format env\n"
              "  memory_benchmark recommend D/results.json --model qwen3-4b --levers --target 20\n"
              "  memory_benchmark recommend D/results.json --model llama-2-70b:q4_k_m --gpu-memory "
              "24GiB --gpu-bandwidth 900GB/s\n"
              "  memory_benchmark recommend --format list\n");
  flags.values("model", "MODEL", "a catalogue model, repeatable (default: all that fit)")
      .value("format", "NAME", "one engine's settings; list names the formats");
  add_request_flags(flags);
  flags.value("tolerance", "SHARE", "loss accepted for fewer threads (default 2%)")
      .value("out", "FILE", "write the text there, whole or not at all")
      .flag("levers", "also what would help, and by how much")
      .value("target", "TOKENS/S", "a wanted decode rate: the gap, and what closes it")
      .value("gpu-memory", "BYTES", "of a GPU, such as 8GiB: layers that fit, rate of the split")
      .value("gpu-bandwidth", "RATE", "of that memory, such as 300GB/s")
      .value("gpu-overhead", "BYTES", "driver and buffers (default: estimated)")
      .flag("json", "the recommendation document");
  if (!flags.parse(arguments)) return 0;
  const auto format = flags.get("format");
  if (format == "list") return list_formats();
  if (format && flags.has("json")) {
    throw Error(ErrorCode::kUsage, "recommend: --format and --json exclude each other; give one");
  }
  AdviceRequest request = advice_request(flags);
  if (format && request.models.size() != 1) {
    throw Error(ErrorCode::kUsage,
                "recommend: --format writes one model's settings; give one --model");
  }
  const Results results = load_results(flags.positional(0));
  request.engine_profile = engine_name_for(results, flags.get("engine").value_or(""));
  const Recommendation recommendation = advise_or_explain(results, request);
  if (format) {
    // A file to paste must not come from distrusted numbers.
    require_trust(results, recommendation, !request.models.empty());
    const RenderedSettings made = render_engine(recommendation, request.models.front(), *format);
    for (const std::string& note : made.notes) tell("{}\n", note);
    print_or_write(flags, made.text);
  } else if (flags.has("json")) {
    print_or_write(flags, to_json_text(recommendation));
  } else {
    fmt::print("{}", render_terminal(results, recommendation, standard_output_style()));
    if (flags.has("levers") || request.gpu || request.target_tokens_per_second) {
      fmt::print("{}", render_levers(recommendation));
    }
  }
  require_trust(results, recommendation, !request.models.empty());
  return 0;
}

}  // namespace mb
