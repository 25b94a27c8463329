// The sweep document as JSON. Two flat members of the struct (source_title, engine_name) stand in
// small objects of the file (source.title, engine.name), as the published data sets have them; a
// thread sweep may leave `kind` out.
#include <fmt/format.h>

#include <algorithm>

#include "data/documents/json_fields.h"
#include "data/documents/sweep.h"

namespace mb::json {

template <>
struct Fields<SweepMachine> {
  static constexpr auto list = std::make_tuple(
      field("cpu", &SweepMachine::cpu, Rule::kSparse),
      field("isa", &SweepMachine::isa, Rule::kSparse), field("sockets", &SweepMachine::sockets),
      field("physical_cores", &SweepMachine::physical_cores),
      field("performance_cores", &SweepMachine::performance_cores),
      field("logical_cpus", &SweepMachine::logical_cpus), field("smt", &SweepMachine::smt),
      field("numa_nodes", &SweepMachine::numa_nodes),
      field("l3_domains", &SweepMachine::l3_domains),
      field("l1d_bytes_per_core", &SweepMachine::l1d_bytes_per_core),
      field("l2_bytes_per_core", &SweepMachine::l2_bytes_per_core),
      field("l3_bytes_total", &SweepMachine::l3_bytes_total),
      field("theoretical_bandwidth_bytes_per_second",
            &SweepMachine::theoretical_bandwidth_bytes_per_second));
};
template <>
struct Fields<SweepModel> {
  static constexpr auto list = std::make_tuple(
      field("name", &SweepModel::name, Rule::kSparse),
      field("quantisation", &SweepModel::quantisation, Rule::kSparse),
      field("parameters", &SweepModel::parameters),
      field("active_parameters", &SweepModel::active_parameters),
      field("weight_bytes", &SweepModel::weight_bytes), field("n_layers", &SweepModel::n_layers),
      field("n_embd", &SweepModel::n_embd), field("n_head", &SweepModel::n_head),
      field("n_head_kv", &SweepModel::n_head_kv), field("n_ff", &SweepModel::n_ff));
};
template <>
struct Fields<SweepPoint> {
  static constexpr auto list = std::make_tuple(
      field("threads", &SweepPoint::threads, Rule::kSparse),
      field("prompt_tokens", &SweepPoint::prompt_tokens, Rule::kSparse),
      field("context_tokens", &SweepPoint::context_tokens, Rule::kSparse),
      field("new_tokens", &SweepPoint::new_tokens, Rule::kSparse),
      field("batch", &SweepPoint::batch, Rule::kSparse),
      field("positions", &SweepPoint::positions, Rule::kSparse),
      field("kv_bytes", &SweepPoint::kv_bytes, Rule::kSparse),
      field("tokens_per_second", &SweepPoint::tokens_per_second, Rule::kSparse),
      field("gflops", &SweepPoint::gflops, Rule::kSparse),
      field("total_tokens_per_second", &SweepPoint::total_tokens_per_second, Rule::kSparse),
      field("padding_tokens", &SweepPoint::padding_tokens, Rule::kSparse),
      field("samples", &SweepPoint::samples, Rule::kSparse),
      field("status", &SweepPoint::status, Rule::kSparse),
      field("note", &SweepPoint::note, Rule::kSparse));
};
template <>
struct Fields<SweepSeries> {
  static constexpr auto list = std::make_tuple(
      field("phase", &SweepSeries::phase, Rule::kSparse),
      field("label", &SweepSeries::label, Rule::kSparse),
      field("threads", &SweepSeries::threads, Rule::kSparse),
      field("prompt_tokens", &SweepSeries::prompt_tokens, Rule::kSparse),
      field("context_tokens", &SweepSeries::context_tokens, Rule::kSparse),
      field("new_tokens", &SweepSeries::new_tokens, Rule::kSparse),
      field("batch", &SweepSeries::batch, Rule::kSparse), field("points", &SweepSeries::points));
};
template <>
struct Fields<SweepReading> {
  static constexpr auto list = std::make_tuple(
      field("phase", &SweepReading::phase),
      field("prompt_tokens", &SweepReading::prompt_tokens, Rule::kSparse),
      field("context_tokens", &SweepReading::context_tokens, Rule::kSparse),
      field("new_tokens", &SweepReading::new_tokens, Rule::kSparse),
      field("batch", &SweepReading::batch, Rule::kSparse),
      field("threads", &SweepReading::threads, Rule::kSparse),
      field("tokens_per_second", &SweepReading::tokens_per_second),
      field("total_tokens_per_second", &SweepReading::total_tokens_per_second, Rule::kSparse),
      field("padding_tokens", &SweepReading::padding_tokens, Rule::kSparse));
};
template <>
struct Fields<SweepThread> {
  static constexpr auto list =
      std::make_tuple(field("name", &SweepThread::name), field("state", &SweepThread::state),
                      field("cpu_share", &SweepThread::cpu_share),
                      field("last_cpu", &SweepThread::last_cpu, Rule::kSparse));
};
template <>
struct Fields<SweepUsage> {
  static constexpr auto list = std::make_tuple(
      field("cpu_seconds", &SweepUsage::cpu_seconds, Rule::kSparse),
      field("peak_rss_bytes", &SweepUsage::peak_rss_bytes, Rule::kSparse),
      field("voluntary_switches", &SweepUsage::voluntary_switches, Rule::kSparse),
      field("involuntary_switches", &SweepUsage::involuntary_switches, Rule::kSparse),
      field("threads_spawned", &SweepUsage::threads_spawned, Rule::kSparse),
      field("threads_busy", &SweepUsage::threads_busy, Rule::kSparse),
      field("threads_seen", &SweepUsage::threads_seen, Rule::kSparse),
      field("threads", &SweepUsage::threads, Rule::kSparse),
      field("counters", &SweepUsage::counters, Rule::kSparse),
      field("counters_unavailable", &SweepUsage::counters_unavailable, Rule::kSparse));
};
template <>
struct Fields<SweepRun> {
  static constexpr auto list = std::make_tuple(
      field("label", &SweepRun::label, Rule::kSparse),
      field("threads", &SweepRun::threads, Rule::kSparse), field("round", &SweepRun::round),
      field("seconds", &SweepRun::seconds), field("failure", &SweepRun::failure, Rule::kSparse),
      field("remark", &SweepRun::remark, Rule::kSparse),
      field("readings", &SweepRun::readings, Rule::kSparse), field("usage", &SweepRun::usage));
};

namespace {

struct Source {
  std::string title;
};
struct Engine {
  std::string name;
};
// The file as it is nested.
struct SweepFile {
  int schema_version = kSweepSchemaVersion;
  std::string id, kind;
  Source source;
  SweepMachine machine;
  Engine engine;
  SweepModel model;
  std::vector<SweepSeries> series;
  std::string caveats, created_utc;
  std::vector<std::string> command;
  std::vector<SweepRun> runs;
};

}  // namespace

template <>
struct Fields<Source> {
  static constexpr auto list = std::make_tuple(field("title", &Source::title, Rule::kSparse));
};
template <>
struct Fields<Engine> {
  static constexpr auto list = std::make_tuple(field("name", &Engine::name, Rule::kSparse));
};
template <>
struct Fields<SweepFile> {
  static constexpr auto list = std::make_tuple(
      field("schema_version", &SweepFile::schema_version, Rule::kSparse),
      field("id", &SweepFile::id, Rule::kSparse), field("kind", &SweepFile::kind, Rule::kSparse),
      field("source", &SweepFile::source, Rule::kSparse),
      field("machine", &SweepFile::machine, Rule::kSparse),
      field("engine", &SweepFile::engine, Rule::kSparse),
      field("model", &SweepFile::model, Rule::kSparse), field("series", &SweepFile::series),
      field("caveats", &SweepFile::caveats, Rule::kSparse),
      field("created_utc", &SweepFile::created_utc, Rule::kSparse),
      field("command", &SweepFile::command, Rule::kSparse),
      field("runs", &SweepFile::runs, Rule::kSparse));
};

}  // namespace mb::json

namespace mb {
namespace {

using json::Place;

// A sweep over threads without thread counts, or with rates that cannot be, misleads all that
// follows; a point without a rate is allowed (unknown).
void check(const json::SweepFile& file, std::string_view origin) {
  const Place root(origin);
  const Place all(root, "series");
  for (std::size_t s = 0; s < file.series.size(); ++s) {
    const Place series(all, s);
    const Place points(series, "points");
    for (std::size_t p = 0; p < file.series[s].points.size(); ++p) {
      const Place here(points, p);
      const SweepPoint& point = file.series[s].points[p];
      if (file.kind == "threads" && point.threads.value_or(0) < 1) {
        json::fail(Place(here, "threads"), "a whole number, at least 1", nullptr);
      }
      if (point.tokens_per_second.value_or(1) < 0) {
        json::fail(Place(here, "tokens_per_second"), "at least 0", nullptr);
      }
      if (point.status != "valid" && point.status != "invalid") {
        json::fail(Place(here, "status"), "valid or invalid", nullptr);
      }
    }
  }
}

}  // namespace

std::string to_json_text(const Sweep& sweep) {
  const json::SweepFile file{.id = sweep.id,
                             .kind = sweep.kind,
                             .source = {sweep.source_title},
                             .machine = sweep.machine,
                             .engine = {sweep.engine_name},
                             .model = sweep.model,
                             .series = sweep.series,
                             .caveats = sweep.caveats,
                             .created_utc = sweep.created_utc,
                             .command = sweep.command,
                             .runs = sweep.runs};
  return json::dump(json::to_json(file, Place()));
}

Sweep sweep_from_json_text(std::string_view text, std::string_view origin) {
  const json::Json document = json::parse(text, origin);
  json::check_schema_version(document, origin, "sweep", kSweepSchemaVersion, true);
  json::SweepFile file;
  json::from_json(document, Place(origin), file);
  if (file.kind.empty()) file.kind = "threads";
  check(file, origin);
  return {.id = file.id,
          .kind = file.kind,
          .source_title = file.source.title,
          .engine_name = file.engine.name,
          .caveats = file.caveats,
          .machine = file.machine,
          .model = file.model,
          .series = std::move(file.series),
          .created_utc = file.created_utc,
          .command = std::move(file.command),
          .runs = std::move(file.runs)};
}

}  // namespace mb
