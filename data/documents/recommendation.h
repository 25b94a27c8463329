// The recommendation document: what follows from the results. Renderers read it and the results
// document and compute nothing: every figure on a page is a field of one of the two.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/machine.h"
#include "data/documents/scenario.h"
#include "data/documents/validity.h"

namespace mb {

inline constexpr int kRecommendationSchemaVersion = 1;

// Regimes and terms have fixed names (DESIGN section 5).
inline constexpr std::string_view kStreamingPrefill = "streaming_prefill";
inline constexpr std::string_view kDispatchBoundPrefill = "dispatch_bound_prefill";
inline constexpr std::string_view kMemoryBoundDecode = "memory_bound_decode";

struct Prediction {
  std::string phase;  // prefill | decode
  int threads = 0;
  std::int64_t prompt_tokens = 0, context_tokens = 0;
  double tokens_per_second = 0, low = 0, high = 0;  // 90 % interval
  std::string regime, limited_by;  // limited_by: weights compute attention dispatch serial
  std::map<std::string, double> seconds_by_term;  // one step: weights compute attention ...
  // What follows is absent from documents of earlier programs.
  std::optional<std::int64_t> batch;  // sequences side by side
  std::string kv_type;
  std::map<std::string, double> share_by_term;  // of the step's time; they sum to 1
  std::optional<double> seconds;                // of one step: all terms
  std::optional<double> ms_per_token;           // 1000 / tokens_per_second
  // The weights, compute and attention terms at the rates that the probes reached, and how many
  // times longer the step takes: barriers, serial work, an engine's own inefficiency.
  std::optional<double> roofline_seconds, overhead_factor;
  std::string served_from;           // the level that most of the weights come from: L2 L3 dram
  std::optional<bool> extrapolated;  // above the CPU budget; nothing was measured there
};

struct Alternative {
  int threads = 0;
  double tokens_per_second = 0;
  double loss = 0;   // 0.03 = 3 % below the advised count; negative = faster
  std::string note;  // "3 % slower and 6 cores free"
};

struct PhaseAdvice {
  std::string phase;
  int threads = 0;
  std::optional<std::vector<int>> cpu_list;  // absent when the budget is a quota, not a mask
  Prediction expected;
  std::string reason;  // one sentence a person understands
  std::vector<Alternative> alternatives;
  std::string confidence;  // high | medium | low
  std::vector<std::string> confidence_reasons;
};

// One engine's settings that say the advice: what to type, export or write.
struct EngineSettings {
  std::string engine;  // format name: llama.cpp, ollama, pytorch, vllm, env ...
  std::string title;
  std::vector<std::string> argv;           // may be empty
  std::map<std::string, std::string> env;  // may be empty
  std::string file_name, file_content;     // may be empty
  std::vector<std::string> notes;          // semantics that bite
};

// What a rule of thumb would cost here.
struct RuleJudgement {
  std::string rule;  // "all logical CPUs", "physical cores", "half"
  int prefill_threads = 0, decode_threads = 0;
  double prefill_loss = 0, decode_loss = 0;  // against the advised count
  std::string note;  // where the rule itself asks for another count than could be judged
};

// What one change would do to a phase here, by the model: at the fastest measured counts of both.
struct Lever {
  // quantisation kv_type batch huge_pages numa instances prompt_cache fused_operations
  // kept_threads wide_attention compiled engine_per_sequence
  std::string name;
  std::string setting;  // "q8_0", "8 sequences", "2 engines of 4 threads"
  std::string phase;    // prefill | decode
  double from_tokens_per_second = 0;
  std::optional<double> to_tokens_per_second, speedup;  // absent: not to be had here, note says why
  std::string note;
};

// Drafting `draft_tokens` tokens and checking them in one step.
struct Speculation {
  std::string draft;  // a model, or "lookup": guesses from the text itself, at no cost
  int draft_tokens = 0;
  double draft_seconds = 0, check_seconds = 0;  // all drafts; one check of them
  // Share of drafted tokens that must be accepted to gain; absent: even all are not enough.
  std::optional<double> break_even_acceptance;
  std::map<std::string, double> speedup_by_acceptance;  // "0.6", "0.8", "1"
};

// What is missing to a wanted decode rate.
struct TargetGap {
  double target_tokens_per_second = 0, expected_tokens_per_second = 0;
  double factor = 0;                             // target / expected
  double bandwidth_needed_bytes_per_second = 0;  // if nothing but reading took time
  std::vector<std::string> reached_by;           // levers that suffice alone: "quantisation q4_0"
  std::string reason;                            // one sentence
};

// Layers on a GPU, the rest on the CPU; the last layers go first, the output head at the end.
struct Offload {
  std::int64_t gpu_memory_bytes = 0, overhead_bytes = 0;
  int layers = 0, gpu_layers = 0;
  bool head_on_gpu = false;
  std::int64_t gpu_weight_bytes = 0, gpu_kv_bytes = 0, free_bytes = 0;
  bool rest_fits = true;                                 // in the memory budget of the CPU
  int cpu_threads = 0;                                   // of decode, for the CPU's share
  double cpu_seconds = 0;                                // of one token
  std::optional<double> gpu_seconds, tokens_per_second;  // absent without the GPU's bandwidth
  double tokens_per_second_at_most = 0;                  // with a GPU that takes no time
  double cpu_only_tokens_per_second = 0;                 // 0: the model does not fit the CPU alone
  std::string reason;
};

// A published rule for the layers that fit a GPU, against the tensors' bytes.
struct OffloadRule {
  std::string model, title;
  std::int64_t gpu_memory_bytes = 0, positions = 0;
  int layers = 0;                           // of the model
  int claimed_least = 0, claimed_most = 0;  // by the rule
  int fitting = 0;                          // by the bytes
  std::string verdict;                      // holds | leaves_room | cannot_hold
  std::string reason;
};

struct ModelAdvice {
  std::string model;  // catalogue name with quantisation
  std::string title;  // "Qwen3 4B, Q4_0"
  bool fits = true;
  std::string fits_reason;  // "needs 2.6 GiB of 22 GiB"
  std::int64_t weight_bytes = 0, weight_bytes_per_token = 0, kv_bytes_per_position = 0;
  std::int64_t memory_bytes = 0;  // at the default context
  std::string engine_profile;     // data/engines name used for the prediction
  PhaseAdvice prefill, decode;    // empty (threads 0) when it does not fit
  PhaseAdvice compromise;         // the one count for engines that take only one; phase "both"
  std::vector<Prediction> predictions;  // every count from 1 to the budget, both phases
  // Prefill at its advised count by prompt length, on an empty and on a warm cache; absent from
  // documents of earlier programs.
  std::vector<Prediction> by_prompt;
  std::vector<EngineSettings> engines;
  std::vector<RuleJudgement> rules;
  // What follows is absent from documents of earlier programs, and where it was not asked for.
  std::vector<Lever> levers;
  std::vector<Speculation> speculation;
  std::optional<TargetGap> target;
  std::optional<Offload> offload;
};

// A curve the model made from measured points, for charts: bandwidth knee, cache plateaus, eta(T);
// "instructions_per_cycle/WHAT" and "l3_misses_per_kilo_instruction/WHAT" from counters.
struct ModelCurve {
  std::string name, x_unit, y_unit;
  std::vector<double> x, y, low, high;  // low/high may be empty
  std::map<std::string, double> marks;  // "knee_threads": 4, "l3_usable_bytes": 9.4e6
};

// The operations of one measured step under the roof of the machine at the same thread count:
// FLOP/s against FLOP a byte. From a step point that carries a profile.
struct RooflineOperation {
  std::string name;  // qkv, attention, gate_up ...
  double flops_per_byte = 0, flops_per_second = 0, bytes_per_second = 0;
  double seconds = 0, share = 0;  // of the step's operations together
  std::string served_by;          // L2 L3 dram, as the probe says
};
struct Roofline {
  std::string point;         // of the results document
  std::string phase, model;  // prefill | decode
  int threads = 0;
  double bandwidth_bytes_per_second = 0;  // DRAM read
  double peak_flops_per_second = 0;  // the fastest matrix product of the model's type, else of any
  std::vector<double> roof_flops_per_byte;  // left end, ridge point, right end
  std::vector<double> roof_flops_per_second;
  std::vector<RooflineOperation> operations;
};

// Symptom -> cause -> remedy, each with the figure that shows it.
struct Finding {
  std::string severity;  // info | warning
  std::string title, evidence, remedy;
  std::string cause;  // where it is told from the measurements; may be empty
};

// The same work on the same cores by one and by two threads each.
struct SmtComparison {
  std::string work;  // compute attention stream_read prefill decode, as smt_interference does them
  std::string regime;  // that the work stands for
  int cores = 0;
  double gain = 0, low = 0, high = 0;  // of the rate, 0.1 = 10 % more; 95 % interval
  std::string verdict;                 // helps | hurts | no_difference | unclear
};

// What one thread streams of a layer's keys and values against the L2 that it has to itself.
struct KvPressure {
  std::string model;
  int threads = 0;
  std::int64_t positions = 0;
  double kv_bytes_per_thread = 0, l2_bytes_per_thread = 0;
  double ratio = 0;  // above 1 the L2 cannot keep it for the next row
};

struct Recommendation {
  int schema_version = kRecommendationSchemaVersion;
  std::string created_utc;
  std::string results_file;  // the document it follows from
  double tolerance = 0.02;
  std::int64_t prompt_tokens = 512, context_tokens = 512;
  Limits limits;    // the effective budget that caps every count
  Verdict verdict;  // the worst of the measurements it rests on
  std::vector<ModelAdvice> models;
  std::vector<ModelCurve> curves;
  std::vector<Finding> findings;
  std::vector<Missing> missing;
  std::vector<OffloadRule> offload_rules;
  // Absent from documents of earlier programs; smt is empty without hardware threads to compare.
  std::vector<SmtComparison> smt;
  std::vector<KvPressure> kv_pressure;  // of the first model that fits
  // What follows is absent from documents of earlier programs.
  std::vector<Roofline> rooflines;
  std::string scenario_name;              // of the preset that is played
  std::optional<ModelScenario> scenario;  // by the leading model
};

// The model that leads: the first that fits and whose steps were measured here, else the first that
// fits, else the first; nullptr without models.
const ModelAdvice* leading_model(const Recommendation& recommendation);

std::string to_json_text(const Recommendation& recommendation);
Recommendation recommendation_from_json_text(std::string_view text, std::string_view origin);

}  // namespace mb
