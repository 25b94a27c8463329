// Readers of files get theirs on tmpfs; what a reader returns is written, drawn or summed again,
// since a value that was let in is met there.
#include "tests/fuzz/targets.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <sstream>

#include "data/documents/recommendation.h"
#include "data/documents/results.h"
#include "data/documents/sweep.h"
#include "data/error.h"
#include "data/plan/plan.h"
#include "data/system/duration.h"
#include "data/system/files.h"
#include "probes/campaign/journal.h"
#include "probes/core/http.h"
#include "probes/core/instance_metadata.h"
#include "probes/core/limits.h"
#include "probes/core/noise.h"
#include "probes/core/smaps.h"
#include "probes/sweep/imported.h"
#include "probes/sweep/parse_rules.h"
#include "reports/cli/parse.h"
#include "reports/model/fit.h"
#include "reports/render/escape.h"
#include "reports/render/render.h"
#include "tests/workloads/shapes/gguf_builder.h"
#include "workloads/shapes/model_shape.h"

namespace mb {
namespace {

// Of this process alone, made once. Not in /dev/shm, whose names other tests compare.
const std::filesystem::path& scratch() {
  static const TemporaryFolder folder;
  return folder.path();
}

std::string golden(const std::string& name) {
  return read_file(std::filesystem::path(SOURCE_DIR) / "data" / "golden" / name);
}

// ---- documents ----

std::vector<std::string> results_seeds() { return {golden("results.json")}; }
void read_results(std::string_view bytes) {
  const Results results = results_from_json_text(bytes, "input");
  const std::string text = to_json_text(results);
  if (to_json_text(results_from_json_text(text, "again")) != text) std::abort();
}

std::vector<std::string> recommendation_seeds() { return {golden("recommendation.json")}; }
void read_recommendation(std::string_view bytes) {
  const std::string text = to_json_text(recommendation_from_json_text(bytes, "input"));
  if (to_json_text(recommendation_from_json_text(text, "again")) != text) std::abort();
}

std::vector<std::string> sweep_seeds() { return {golden("sweep.json")}; }
void read_sweep(std::string_view bytes) { to_json_text(sweep_from_json_text(bytes, "input")); }

std::vector<std::string> step_seeds() {
  const Parameters axes{{"operation", "read"}, {"threads", std::int64_t{2}}};
  return {
      to_json_text(PlannedStep{"stream_bandwidth", {{"OMP_WAIT_POLICY", "passive"}}, {{axes, 1}}})};
}
void read_step(std::string_view bytes) { to_json_text(step_from_json_text(bytes, "input")); }

std::vector<std::string> journal_seeds() {
  const std::filesystem::path path = scratch() / "seed.journal";
  std::filesystem::remove(path);
  Journal journal{{10, {1, 2}, {"qwen3-4b:q4_0"}, {}}, {}, {}, {}};
  journal.start.created_utc = "2026-01-01T00:00:00Z";
  journal.steps.push_back(step_from_json_text(step_seeds().front(), "seed"));
  begin_journal(path, journal);
  append_finished(path, 0, journal.start);
  return {read_file(path)};
}
void read_journal_file(std::string_view bytes) {
  const std::filesystem::path path = scratch() / "input.journal";
  write_file_atomically(path, bytes);
  const auto journal = read_campaign_journal(path);
  if (!journal) return;
  for (const auto& [index, document] : journal->finished) {
    static_cast<void>(journal->steps.at(index));
  }
}

// ---- model files ----

std::vector<std::string> gguf_seeds() {
  GgufBuilder builder = tiny_pairs();
  builder.tensor("token_embd.weight", {64, 10}, 0, 0)
      .tensor("blk.0.attn_q.weight", {64, 64}, 2, 2560)
      .tensor("blk.0.ffn_up_exps.weight", {64, 2, 2}, 0, 4864)
      .tensor("blk.0.attn_norm.weight", {64}, 0, 5888);
  return {builder.bytes(6144)};
}
void read_model(std::string_view bytes, const char* name) {
  const std::filesystem::path path = scratch() / name;
  write_file_atomically(path, bytes);
  const ModelShape shape = find_model(path.string());
  shape.weight_bytes_per_token();
  shape.kv_bytes(5000);
  shape.attention_flops(1, 512);
  shape.memory_bytes(512);
}
void read_gguf_file(std::string_view bytes) { read_model(bytes, "m.gguf"); }

std::vector<std::string> config_seeds() {
  return {R"({"model_type": "qwen3_moe", "num_hidden_layers": 2, "hidden_size": 64,
 "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 128,
 "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "vocab_size": 100,
 "torch_dtype": "bfloat16", "quantization_config": {"quant_method": "gptq", "bits": 4}})"};
}
void read_config(std::string_view bytes) { read_model(bytes, "config.json"); }

// ---- what the kernel says: the files of a host, one after the other, parted by a byte of 1 ----

constexpr char kPart = 1;
constexpr std::array kHostFiles = {"/proc/self/cgroup",
                                   "/proc/self/mountinfo",
                                   "/sys/fs/cgroup/job/cpu.max",
                                   "/sys/fs/cgroup/job/memory.max",
                                   "/sys/fs/cgroup/job/cpu.stat",
                                   "/proc/stat",
                                   "/proc/meminfo",
                                   "/proc/pressure/cpu",
                                   "/sys/fs/cgroup/job/cpuset.cpus.effective"};

std::vector<std::string> host_seeds() {
  const char* seed =
      "0::/job\n\1"
      "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n\1"
      "150000 100000\n\1"
      "2147483648\n\1"
      "usage_usec 9\nnr_throttled 4\nthrottled_usec 1500000\n\1"
      "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7 8 9 10\n\1"
      "MemTotal: 8388608 kB\nMemAvailable: 6291456 kB\n\1"
      "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\n\1"
      "0-1\n";
  return {seed};
}
void read_host(std::string_view bytes) {
  static const std::filesystem::path root = scratch() / "host";
  for (const char* file : kHostFiles) {
    const std::size_t end = std::min(bytes.find(kPart), bytes.size());
    const std::filesystem::path path = root / std::string_view(file).substr(1);
    std::filesystem::create_directories(path.parent_path());
    std::FILE* out = std::fopen(path.c_str(), "w");
    if (out == nullptr) std::abort();
    std::fwrite(bytes.data(), 1, end, out);
    std::fclose(out);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  const HostFiles files(root);
  SystemFacts facts;
  facts.affinity = {0, 1, 2, 3};
  const LimitsReading reading = read_limits(files, facts, facts.affinity);
  if (reading.limits.effective_cpus < 1 || reading.limits.effective_cpus > 4) std::abort();
  if (reading.limits.memory_budget_bytes < 0) std::abort();
  read_noise_files(files, {0, 1});
}

std::vector<std::string> list_seeds() {
  return {"0-3,8,10-11", "7f0-7f8 rw-p 00 00:00 0\nRss: 8 kB\n"};
}
void read_lists(std::string_view bytes) {
  parse_cpu_list(bytes);
  std::istringstream smaps{std::string(bytes)};
  read_mapped_pages(smaps, 0x7f0, 0x7f8);
}

// ---- what the metadata service answers ----

std::vector<std::string> http_seeds() {
  return {
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\nServer: EC2ws\r\n\r\n"
      "eu-central-1a",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n4\r\nm7a.\r\n5;x=y\r\nlarge\r\n0\r\n\r\n",
      "HTTP/1.0 401 Unauthorized\r\nConnection: close\r\n\r\non-demand"};
}
void read_http(std::string_view bytes) {
  const auto early = parse_http_answer(bytes, false);
  const auto late = parse_http_answer(bytes, true);
  if (!late || (early && *early != *late) || late->body.size() > bytes.size()) std::abort();
  for (const MetadataFact fact : {MetadataFact::kToken, MetadataFact::kInstanceType,
                                  MetadataFact::kLifeCycle, MetadataFact::kZone}) {
    const std::string value = checked_metadata(fact, late->body).value_or("");
    if (value.size() > 256 || value.find_first_of("\r\n:<>\"' ") != std::string::npos) std::abort();
  }
}

// ---- the command line and what engines print ----

std::vector<std::string> word_seeds() { return {"1,2,4-16:4", "60s", "8GiB", "300GB/s", "2%"}; }
void read_words(std::string_view bytes) {
  int refused = 0;
  const auto attempt = [&](const auto& parse) {
    try {
      parse();
    } catch (const Error& error) {
      if (std::strchr(error.what(), '\n') != nullptr) std::abort();
      ++refused;
    }
  };
  attempt([&] { parse_threads("--threads", bytes); });
  attempt([&] { parse_seconds("--budget", bytes); });
  attempt([&] { parse_count("--count", bytes, 1); });
  attempt([&] { parse_bytes("--bytes", bytes); });
  attempt([&] { parse_bytes_per_second("--rate", bytes); });
  attempt([&] { parse_positive("--target", bytes); });
  attempt([&] { parse_share("--tolerance", bytes); });
  attempt([&] { parse_rules_from_texts({std::string(bytes)}); });
  parse_duration(bytes);
  if (refused == 8) throw Error(ErrorCode::kUsage, "nothing takes it");
}

std::vector<std::string> output_seeds() {
  std::vector<std::string> seeds;
  for (const char* name : {"llama-bench-md", "llama-perf", "ollama", "openvino", "serving-vllm"}) {
    seeds.push_back(read_file(std::filesystem::path(SOURCE_DIR) / "tests/probes/sweep/outputs" /
                              (std::string(name) + ".txt")));
  }
  return seeds;
}
void read_output(std::string_view bytes) {
  for (const SweepReading& reading : parse_output(parse_rules(), bytes.substr(0, 16384)).readings) {
    for (const double rate : reading.tokens_per_second) {
      if (!(rate > 0) || !std::isfinite(rate)) std::abort();
    }
  }
}

std::vector<std::string> import_seeds() {
  return {"threads,tokens_per_second\n1,10.5\n2,19.8\n4,31\n",
          read_file(std::filesystem::path(SOURCE_DIR) /
                    "tests/probes/sweep/outputs/llama-bench-csv.txt")};
}
void read_import(std::string_view bytes) {
  import_format(bytes);
  to_json_text(import_sweep({{"input", std::string(bytes)}}, "decode"));
}

// ---- the fit of arbitrary samples: eight bytes a rate, threads from 1 up ----

std::vector<std::string> fit_seeds() {
  std::string bytes;
  for (const double rate : {10.0, 19.5, 28.0, 34.0, 36.0, 35.0, 30.0}) {
    bytes.append(reinterpret_cast<const char*>(&rate), sizeof rate);
  }
  return {bytes};
}
void fit_samples(std::string_view bytes) {
  Sweep sweep;
  sweep.series.emplace_back();
  sweep.series.back().phase = "decode";
  for (int threads = 1; bytes.size() >= sizeof(double) && threads <= 12; ++threads) {
    double rate = 0;
    std::memcpy(&rate, bytes.data(), sizeof rate);
    bytes.remove_prefix(sizeof rate);
    SweepPoint point;
    point.threads = threads;
    point.tokens_per_second = rate;
    sweep.series.back().points.push_back(point);
  }
  FitOptions options;
  options.resamples = 10;
  const std::string text = to_json_text(fit_sweep(sweep, options));
  if (text.find("nan") != std::string::npos || text.find("inf,") != std::string::npos) std::abort();
}

// ---- renderers: a hostile name everywhere ----

std::vector<std::string> name_seeds() {
  return {"<script>alert(1)</script>", "it's \"q\" & \x1b[31m"};
}
void render_name(std::string_view bytes) {
  static const Results results =
      results_from_json_text(golden("render-small-results.json"), "golden");
  static const Recommendation advice =
      recommendation_from_json_text(golden("render-small-recommendation.json"), "golden");
  const std::string name(bytes);
  Results hostile = results;
  hostile.machine.cpu_model = name;
  hostile.machine.cloud_label = name;
  Recommendation told = advice;
  for (ModelAdvice& model : told.models) model.model = name;
  const std::string page = render_html(hostile, told);
  const std::string clean = html_escape(name);
  if (clean.find_first_of("<>\"'") != std::string::npos) std::abort();
  const std::string cell = gnuplot_string(name);
  if (cell.find('\n') != std::string::npos) std::abort();
  json_for_script("\"" + base64(name) + "\"");
  to_json_text(hostile);
  if (page.find("<script>alert(") != std::string::npos) std::abort();
}

constexpr std::array kTargets = {
    FuzzTarget{"results", results_seeds, read_results},
    FuzzTarget{"recommendation", recommendation_seeds, read_recommendation},
    FuzzTarget{"sweep", sweep_seeds, read_sweep},
    FuzzTarget{"step", step_seeds, read_step},
    FuzzTarget{"journal", journal_seeds, read_journal_file},
    FuzzTarget{"gguf", gguf_seeds, read_gguf_file},
    FuzzTarget{"config_json", config_seeds, read_config},
    FuzzTarget{"host_files", host_seeds, read_host},
    FuzzTarget{"lists", list_seeds, read_lists},
    FuzzTarget{"http", http_seeds, read_http},
    FuzzTarget{"words", word_seeds, read_words},
    FuzzTarget{"output", output_seeds, read_output},
    FuzzTarget{"import", import_seeds, read_import},
    FuzzTarget{"fit", fit_seeds, fit_samples},
    FuzzTarget{"names", name_seeds, render_name},
};

[[noreturn]] void broken(const FuzzTarget& target, std::string_view what) {
  std::fputs(fmt::format("fuzz target {}: {}\n", target.name, what).c_str(), stderr);
  std::abort();
}

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return kTargets; }

bool takes(const FuzzTarget& target, std::string_view bytes) {
  try {
    target.run(bytes);
    return true;
  } catch (const Error& error) {
    const std::string_view said = error.what();
    if (said.empty() || said.find('\n') != std::string_view::npos) {
      broken(target, fmt::format("no line of why: {}", said));
    }
    return false;
  } catch (const std::exception& error) {
    broken(target, fmt::format("another exception than Error: {}", error.what()));
  }
}

}  // namespace mb
