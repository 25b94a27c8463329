// A pair of documents of a machine with two sockets: placements, pairs of NUMA nodes and of CPUs,
// counters and a profiled step, made by hand like those of fixtures.h.
#pragma once
#include <set>

#include "tests/reports/render/fixtures.h"

namespace mb::fixture {

inline void add_nodes(Results& results, const Size& size) {
  const auto read = [] {
    return Parameters{{"operation", "read"}, {"level", "dram"}, {"page", "thp"}};
  };
  for (const auto& [placement, share] : std::vector<std::pair<std::string, double>>{
           {"compact", 0.9}, {"l3_domain", 0.3}, {"numa_node", 0.5}}) {
    for (const int t : size.counts()) {
      if (t > size.cores / 2 && placement != "compact") continue;
      Parameters p = read();
      p.set("placement", placement).set("threads", t);
      const double rate = std::min(size.dram_one * t, share * size.dram_all);
      results.points.push_back(point("stream_bandwidth", p, Unit::kBytesPerSecond, rate));
    }
  }
  for (const int from : {0, 1}) {
    for (const int to : {0, 1}) {
      Parameters p = read();
      p.set("cpu_node", from).set("memory_node", to).set("threads", size.cores / 2);
      results.points.push_back(
          point("stream_bandwidth", p, Unit::kBytesPerSecond, from == to ? 90e9 : 38e9 + to * 2e9));
      Parameters l{{"operation", "load"}, {"page", "thp"}};
      l.set("cpu_node", from).set("memory_node", to).set("threads", 1);
      results.points.push_back(
          point("cache_latency", l, Unit::kSeconds, from == to ? 95e-9 : 150e-9));
    }
  }
  for (int from = 0; from < 4; ++from) {
    for (int to = 0; to < 4; ++to) {
      if (from == to) continue;
      Parameters p{{"operation", "handoff"}};
      p.set("from_pu", from * 6).set("to_pu", to * 6).set("threads", 2);
      results.points.push_back(
          point("core_to_core", p, Unit::kSeconds, from / 2 == to / 2 ? 45e-9 : 190e-9));
    }
  }
  results.points.back().verdict.worsen(Validity::kNoisy, "spread", "wide");
}

inline void add_latencies(Results& results) {
  for (std::int64_t bytes = 16 << 10; bytes <= (256 << 20); bytes *= 4) {
    Parameters p{{"operation", "load"}, {"page", "thp"}, {"threads", 1}};
    p.set("working_set_bytes", bytes);
    results.points.push_back(
        point("cache_latency", p, Unit::kSeconds, bytes < (1 << 20) ? 3e-9 : 88e-9));
  }
  for (const int rest : {0, 50, 90}) {
    Parameters p{{"operation", "load"}, {"rest_percent", rest}, {"threads", 24}};
    results.points.push_back(point("loaded_latency", p, Unit::kSeconds, (240 - 1.4 * rest) * 1e-9));
    results.points.back().facts["load_bytes_per_s"] = 160e9 * (100 - rest) / 100;
  }
}

inline Documents two_nodes() {
  const Size size{24, 1, 21e9, 180e9, 64 << 20, 128LL << 30};
  Documents d = documents(size);
  Machine& machine = d.results.machine;
  machine.cpu_model = "Fixture CPU, two sockets (not measured)";
  machine.numa_nodes = {{0, 64LL << 30}, {1, 64LL << 30}};
  for (Pu& pu : machine.pus) {
    pu.package = pu.numa_node = pu.core / 12;
    pu.l3_domain = pu.core / 6;
  }
  machine.pmu_counts = true;
  add_nodes(d.results, size);
  add_latencies(d.results);
  Recommendation& r = d.recommendation;
  for (const std::string what : {"DRAM read", "decode step"}) {
    ModelCurve ipc{"instructions_per_cycle/" + what, "threads", "1", {}, {}, {}, {}, {}};
    ModelCurve misses{"l3_misses_per_kilo_instruction/" + what, "threads", "1", {}, {}, {}, {}, {}};
    for (const int t : size.counts()) {
      ipc.x.push_back(t);
      ipc.y.push_back(2.4 / (1 + 0.06 * t));
      misses.x.push_back(t);
      misses.y.push_back(18 + 0.2 * t);
    }
    r.curves.push_back(ipc);
    r.curves.push_back(misses);
  }
  for (const std::string phase : {"decode", "prefill"}) {
    const double rows = phase == "decode" ? 1 : 128;
    Roofline roof{phase + "_scaling/step/threads:24", phase, kQwen, 24, 180e9, 4.2e12, {}, {}, {}};
    roof.roof_flops_per_byte = {0.3, 4.2e12 / 180e9, 1200};
    roof.roof_flops_per_second = {0.3 * 180e9, 4.2e12, 4.2e12};
    roof.operations = {{"gate_up", 3.5 * rows, 4.0e11, 1.2e11, 0.02, 0.55, "dram"},
                       {"attention", 1.1 * rows, 0.9e11, 0.8e11, 0.006, 0.16, "L3"},
                       {"norm", 0.6, 2.0e10, 3.3e10, 0.001, 0.03, "L2"}};
    r.rooflines.push_back(roof);
  }
  // A second quantisation of a model, as `--model` asks for.
  ModelAdvice wide = *leading_model(r);
  wide.model = "qwen3-4b:q8_0";
  wide.title = "Qwen3 4B, Q8_0";
  for (Prediction& p : wide.predictions) {
    p.tokens_per_second *= 0.6;
    p.low *= 0.6;
    p.high *= 0.6;
  }
  wide.decode.expected.tokens_per_second *= 0.6;
  r.models.push_back(wide);
  return d;
}

// One figure behind each chart differs from what two_nodes() says.
inline Documents one_point_changed() {
  Documents d = two_nodes();
  std::set<std::string> seen;
  for (Point& p : d.results.points) {
    const Parameters& axes = p.parameters;
    const std::string kind = p.probe + (axes.has("working_set_bytes") ? "w" : "") +
                             axes.text_or("placement", "") + axes.text_or("level", "") +
                             (axes.has("cpu_node") ? "n" : "");
    if (!seen.insert(kind).second && p.probe != "dispatch_overhead") continue;
    p.summary.median *= 1.3;
    p.summary.low *= 1.3;
    p.summary.high *= 1.3;
  }
  Recommendation& r = d.recommendation;
  for (ModelAdvice& model : r.models) {
    if (!model.fits) continue;
    for (Prediction& p : model.predictions) {
      if (p.threads == 2) p.tokens_per_second *= 1.3;
    }
    model.by_prompt.front().tokens_per_second *= 1.3;
    model.decode.expected.share_by_term["serial"] += 0.1;
    *model.levers.front().speedup *= 1.3;
  }
  for (ModelCurve& curve : r.curves) {
    if (!curve.y.empty()) curve.y.front() *= 1.3;
  }
  for (Roofline& roof : r.rooflines) roof.operations.front().flops_per_second *= 1.3;
  r.scenario->phases.back().seconds *= 1.3;
  return d;
}

}  // namespace mb::fixture
