// One step of a model as an engine runs it: decode (one row) or a block of a prompt (more rows), on
// a chain of layers and the output head, with a KV cache. A step is a list of parallel operations;
// every rank does its share of each, and a barrier stands behind each. It never times itself.
//
// Per dense layer: norm, qkv, rotate + append, attention, merge, output, norm, gate + up,
// activation, down. With experts: norm, router, dispatch, gate + up, activation, down instead of
// the last five. Then the output norm and the head, for the last row of each sequence only, and on
// request picking the next token. A norm adds the residual that came before it.
//
// Quantised matrices read int8 activations, as engines do. Experts are chosen at random with a
// fixed seed (the router is computed and weighs them), since random weights have no sense to
// follow.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "workloads/kernels/gated_activation.h"
#include "workloads/kernels/pick_token.h"
#include "workloads/step_plan.h"
#include "workloads/team.h"
#include "workloads/work_split.h"

namespace mb {

class Step {
 public:
  // What a layer runs with: its matrices bound, its division among ranks, its experts.
  struct Layer {
    Weights q, k, v, output, router;
    std::vector<Weights> gate, up, down;  // one, or one an expert
    struct Routed {
      long row, expert;  // entry order: by expert
      long choice;       // which of the row's experts
    };
    std::vector<Routed> routed;
    struct Group {
      long expert, first, rows;  // entries of one expert
    };
    std::vector<Group> groups;
    std::vector<long> entries;  // [row * experts used + choice] -> index into routed
    using Split = std::vector<std::vector<WorkRange>>;
    Split qkv_split, output_split, router_split, gate_up_split, down_split;
    AttentionSchedule attention;
  };

  // `memory` holds plan.bytes(), page aligned, and outlives the step; team.size() == ranks of the
  // plan. Fills weights, cache and input, each part by the rank that will read it (first touch).
  Step(const StepPlan& plan, std::byte* memory, Team& team);

  void run();
  // One rank's part of a step, for a caller that runs its own region on the team: several steps in
  // one region need nothing between them.
  void run_rank(int rank);
  // Its layers alone, without what comes after the last: a block of a prompt that others follow.
  void run_layers_rank(int rank);
  // As run_rank; rank 0 calls after_operation(index) when all ranks have finished an operation.
  void run_rank(int rank, RankFunction after_operation);
  // Moves on by the step's rows, as generating does; within the plan's growth. Not timed work.
  void advance();
  // Goes to any context from the plan's to its end of growth. Not timed work.
  void move_to(long context);
  // Throws Error(kFailure) when a result is not finite or nothing was computed.
  void check() const;

  const StepPlan& plan() const { return plan_; }
  long context() const { return context_; }
  int operations() const { return static_cast<int>(operations_.size()); }  // barriers of one step
  int operations_per_layer() const { return operations_per_layer_; }
  std::string_view operation_name(int index) const;  // norm qkv rope attention ...
  long operation_layer(int index) const {
    return operations_[static_cast<std::size_t>(index)].layer;
  }
  // Weight bytes that one step reads: all matrices of the chain, of the experts those in use.
  std::int64_t weight_bytes() const;
  std::int64_t head_bytes() const { return plan_.request().head ? head_.read_bytes() : 0; }

  float* input() { return input_.data(); }  // rows x hidden, copied to the residual stream by run()
  const float* logits() const { return floats(plan_.activations().logits); }  // by sequence
  // What was picked for each sequence by the last run; empty without Pick.
  const std::vector<long>& picked() const { return picked_; }
  // For the reference in the tests.
  const Layer& layer(long index) const { return layers_[static_cast<std::size_t>(index)]; }
  const Weights& head() const { return head_; }
  const float* floats(Span span) const {
    return reinterpret_cast<const float*>(memory_ + span.offset);
  }
  const std::byte* bytes(Span span) const { return memory_ + span.offset; }

 private:
  using Method = void (Step::*)(long layer, int rank);
  struct Operation {
    std::string_view name;
    Method method;
    long layer;
  };
  void run_operations(int rank, std::size_t count);  // the first so many
  // The last row of each sequence meets the head: rows [first_head_row(), rows).
  long first_head_row() const { return plan_.request().rows - plan_.request().sequences; }
  // Units of attention are by sequence and KV head.
  long unit_row(const AttentionUnit& unit) const {
    return unit.kv_head / plan_.shape().kv_heads + unit.first_token;
  }

  float* floats(Span span) { return reinterpret_cast<float*>(memory_ + span.offset); }
  Activations activations(Span values, Span converted, long columns, long stride) const;
  void bind_layer(long index);
  void route(long index, Layer& layer);
  void split(Layer& layer);
  void list_operations();
  void touch(int rank);
  void fill(int rank);
  void fill_layer(long index, int rank);
  void fill_cache(long index, int rank);
  void schedule();
  KvHead kv_head(long layer, long head) const;

  // Operations (step_operations.cc).
  void norm_attention(long layer, int rank);
  void project_qkv(long layer, int rank);
  void rotate_append(long layer, int rank);
  void attend(long layer, int rank);
  void merge(long layer, int rank);
  void project_output(long layer, int rank);
  void norm_ffn(long layer, int rank);
  void gate_up(long layer, int rank);
  void activate(long layer, int rank);
  void down(long layer, int rank);
  void norm_output(long layer, int rank);
  void multiply_head(long layer, int rank);
  void pick(long layer, int rank);
  // With experts (step_experts.cc).
  void route_rows(long layer, int rank);
  void dispatch(long layer, int rank);
  void expert_gate_up(long layer, int rank);
  void expert_down(long layer, int rank);

  void add_feed_forward(long layer, long row);
  void norm_row(long row, Span weight);
  AttentionPartial partial(long slot) const;

  StepPlan plan_;
  std::byte* memory_;
  Team& team_;
  long context_;
  int ranks_;
  Activation activation_;
  std::vector<Layer> layers_;
  Weights head_;
  Layer::Split head_split_;
  std::vector<Operation> operations_;
  int operations_per_layer_ = 0;
  std::vector<float> input_;
  std::vector<long> picked_;
  TokenPicker picker_;
};

}  // namespace mb
