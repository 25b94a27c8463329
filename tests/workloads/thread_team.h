// A team of real threads, unpinned, for the tests of steps: what probes/core does, without its
// machinery. And the small shapes that the tests run.
#pragma once
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "workloads/shapes/model_shape.h"
#include "workloads/team.h"

namespace mb {

class ThreadTeam final : public Team {
 public:
  explicit ThreadTeam(int size) : size_(size), barrier_(size) {}
  int size() const override { return size_; }
  void run(RankFunction body) override {
    ++regions;
    std::vector<std::thread> threads;
    for (int rank = 1; rank < size_; ++rank) threads.emplace_back([=] { body(rank); });
    body(0);
    for (std::thread& thread : threads) thread.join();
  }
  void barrier(int rank) override {
    if (rank == 0) ++barriers;
    barrier_.arrive_and_wait();
  }
  int regions = 0, barriers = 0;

 private:
  int size_;
  std::barrier<> barrier_;
};

// Small enough for a scalar reference; odd vocabulary, so that the head's last panel is cut.
inline ModelShape small_shape(WeightType type) {
  ModelShape shape;
  shape.name = "small";
  shape.architecture = "llama";
  shape.type = type;
  shape.layers = 4;
  shape.hidden = 256;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_size = 64;
  shape.ffn = 352;
  shape.vocabulary = 301;
  shape.context_length = 4096;
  return shape;
}

inline ModelShape small_experts(WeightType type) {
  ModelShape shape = small_shape(type);
  shape.architecture = "qwen3moe";
  shape.qk_norm = true;
  shape.experts = 8;
  shape.experts_used = 3;
  shape.expert_ffn = 96;
  return shape;
}

inline ModelShape small_gemma(WeightType type) {
  ModelShape shape = small_shape(type);
  shape.architecture = "gemma3";
  shape.kv_heads = 1;
  shape.qk_norm = shape.post_norms = shape.tied_head = true;
  shape.sliding_window = 70;
  shape.sliding_window_pattern = 2;
  return shape;
}

}  // namespace mb
