// The feed-forward part of a mixture of experts. Entries (a row and one of its experts) are sorted
// by expert, so each expert multiplies its rows in one go; their inputs are copied together first.
#include <algorithm>
#include <cmath>

#include "workloads/step.h"

namespace mb {

void Step::route_rows(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const Activations x = activations(a.normed, a.normed_converted, shape.hidden, shape.hidden);
  for (const WorkRange& range : layer.router_split[static_cast<std::size_t>(rank)]) {
    layer.router.multiply(range.first, range.last, x, plan_.request().rows, floats(a.router_logits),
                          shape.experts);
  }
}

void Step::dispatch(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const long hidden = shape.hidden;
  const Activations from = activations(a.normed, a.normed_converted, hidden, hidden);
  const Activations to = activations(a.expert_input, a.expert_converted, hidden, hidden);
  const auto [first, last] = share_of(plan_.expert_rows(), rank, ranks_);
  for (long entry = first; entry < last; ++entry) {
    const Layer::Routed& here = layer.routed[static_cast<std::size_t>(entry)];
    // The weight is the softmax over the row's chosen experts.
    const float* logits = floats(a.router_logits) + here.row * shape.experts;
    float sum = 0;
    for (long choice = 0; choice < shape.experts_used; ++choice) {
      const auto at = static_cast<std::size_t>(here.row * shape.experts_used + choice);
      const long other = layer.routed[static_cast<std::size_t>(layer.entries[at])].expert;
      sum += std::exp(logits[other] - logits[here.expert]);
    }
    floats(a.expert_weights)[entry] = 1 / sum;
    from.copy_row(here.row, to, entry, hidden);
  }
}

void Step::expert_gate_up(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const long ffn = shape.expert_ffn;
  const Activations x = activations(a.expert_input, a.expert_converted, shape.hidden, shape.hidden);
  for (const WorkRange& range : layer.gate_up_split[static_cast<std::size_t>(rank)]) {
    const Layer::Group& group = layer.groups[static_cast<std::size_t>(range.item / 2)];
    const bool gate = range.item % 2 == 0;
    const Weights& weights = (gate ? layer.gate : layer.up)[static_cast<std::size_t>(group.expert)];
    weights.multiply(range.first, range.last, x.row(group.first), group.rows,
                     floats(a.gate_up) + group.first * 2 * ffn + (gate ? 0 : ffn), 2 * ffn);
  }
}

void Step::expert_down(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const long ffn = shape.expert_ffn;
  const Activations x = activations(a.gate_up, a.gate_converted, ffn, 2 * ffn);
  for (const WorkRange& range : layer.down_split[static_cast<std::size_t>(rank)]) {
    const Layer::Group& group = layer.groups[static_cast<std::size_t>(range.item)];
    layer.down[static_cast<std::size_t>(group.expert)].multiply(
        range.first, range.last, x.row(group.first), group.rows,
        floats(a.expert_output) + group.first * shape.hidden, shape.hidden);
  }
}

}  // namespace mb
