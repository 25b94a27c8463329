// The operations of a dense layer and the head, each one rank's share. Where a row is too small to
// divide (a norm over one token), one rank works and the others wait, as in the engines.
#include <algorithm>
#include <cstring>

#include "workloads/kernels/add_scaled.h"
#include "workloads/kernels/rms_norm.h"
#include "workloads/kernels/rope.h"
#include "workloads/step.h"

namespace mb {

void Step::norm_row(long row, Span weight) {
  const long hidden = plan_.shape().hidden;
  const ActivationPlan& a = plan_.activations();
  const Activations normed = activations(a.normed, a.normed_converted, hidden, hidden);
  rms_norm(floats(a.hidden) + row * hidden, floats(weight), hidden, normed.row(row).values);
  normed.convert_blocks(row, 0, hidden / kBlockColumns);
}

// The residual that the layer's feed-forward part left behind.
void Step::add_feed_forward(long index, long row) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const LayerPlan& plan = plan_.layers()[static_cast<std::size_t>(index)];
  float* hidden = floats(a.hidden) + row * shape.hidden;
  float* result = floats(a.projected) + row * shape.hidden;
  if (shape.is_moe()) {
    std::fill_n(result, shape.hidden, 0.0F);
    const std::vector<long>& entries = layers_[static_cast<std::size_t>(index)].entries;
    for (long choice = 0; choice < shape.experts_used; ++choice) {
      const long entry = entries[static_cast<std::size_t>(row * shape.experts_used + choice)];
      add_scaled(result, floats(a.expert_output) + entry * shape.hidden,
                 floats(a.expert_weights)[entry], shape.hidden);
    }
  }
  if (plan.post_ffn_norm.bytes > 0) {
    rms_norm(result, floats(plan.post_ffn_norm), shape.hidden, result);
  }
  add_scaled(hidden, result, 1, shape.hidden);
}

void Step::norm_attention(long layer, int rank) {
  const long hidden = plan_.shape().hidden;
  const auto [first, last] = share_of(plan_.request().rows, rank, ranks_);
  for (long row = first; row < last; ++row) {
    if (layer > 0) {
      add_feed_forward(layer - 1, row);
    } else {
      std::memcpy(floats(plan_.activations().hidden) + row * hidden, input_.data() + row * hidden,
                  static_cast<std::size_t>(hidden) * sizeof(float));
    }
    norm_row(row, plan_.layers()[static_cast<std::size_t>(layer)].attention_norm);
  }
}

void Step::project_qkv(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const Activations x = activations(a.normed, a.normed_converted, shape.hidden, shape.hidden);
  const Weights* matrices[] = {&layer.q, &layer.k, &layer.v};
  const long offsets[] = {0, layer.q.rows(), layer.q.rows() + layer.k.rows()};
  const long stride = layer.q.rows() + layer.k.rows() + layer.v.rows();
  for (const WorkRange& range : layer.qkv_split[static_cast<std::size_t>(rank)]) {
    matrices[range.item]->multiply(range.first, range.last, x, plan_.request().rows,
                                   floats(a.qkv) + offsets[range.item], stride);
  }
}

void Step::rotate_append(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const LayerPlan& plan = plan_.layers()[static_cast<std::size_t>(index)];
  const ActivationPlan& a = plan_.activations();
  const long size = shape.head_size, heads = shape.heads + shape.kv_heads;
  const long stride = (shape.heads + 2 * shape.kv_heads) * size;
  const auto finish = [&](float* x, Span bias, Span norm, long head, long row) {
    if (bias.bytes > 0) add_scaled(x, floats(bias) + head * size, 1, size);
    if (norm.bytes > 0) rms_norm(x, floats(norm), size, x);
    rope(x, floats(a.cosines) + row * (size / 2), floats(a.sines) + row * (size / 2), size / 2);
  };
  const auto [first, last] = share_of(plan_.request().rows * heads, rank, ranks_);
  for (long item = first; item < last; ++item) {
    const long row = item / heads, head = item % heads;
    float* qkv = floats(a.qkv) + row * stride;
    if (head < shape.heads) {
      finish(qkv + head * size, plan.q_bias, plan.q_norm, head, row);
      continue;
    }
    const long kv = head - shape.heads;
    float *key = qkv + (shape.heads + kv) * size, *value = key + shape.kv_heads * size;
    finish(key, plan.k_bias, plan.k_norm, kv, row);
    if (plan.v_bias.bytes > 0) add_scaled(value, floats(plan.v_bias) + kv * size, 1, size);
    const long rows = plan_.request().rows_per_sequence(), sequence = row / rows;
    append_kv(kv_head(index, sequence * shape.kv_heads + kv),
              context_ + row % rows - plan.first_position, key, value);
  }
}

void Step::attend(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const LayerPlan& plan = plan_.layers()[static_cast<std::size_t>(index)];
  const AttentionSchedule& schedule = layers_[static_cast<std::size_t>(index)].attention;
  const long group = shape.heads / shape.kv_heads, size = shape.head_size;
  const long stride = (shape.heads + 2 * shape.kv_heads) * size;
  for (const AttentionPiece& piece : schedule.pieces[static_cast<std::size_t>(rank)]) {
    const AttentionUnit& unit = schedule.units[static_cast<std::size_t>(piece.unit)];
    const float* queries = floats(plan_.activations().qkv) + unit_row(unit) * stride +
                           unit.kv_head % shape.kv_heads * group * size;
    const QueryBlock block{
        queries,    stride, unit.tokens, group, context_ + unit.first_token - plan.first_position,
        plan.window};
    attention(kv_head(index, unit.kv_head), block, piece.first_position - plan.first_position,
              piece.last_position - plan.first_position, partial(piece.slot));
  }
}

void Step::merge(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const AttentionSchedule& schedule = layers_[static_cast<std::size_t>(index)].attention;
  const long group = shape.heads / shape.kv_heads, size = shape.head_size;
  const long columns = shape.heads * size;
  const Activations attended = activations(a.attended, a.attended_converted, columns, columns);
  const auto [first, last] = share_of(static_cast<long>(schedule.units.size()), rank, ranks_);
  for (long i = first; i < last; ++i) {
    const AttentionUnit& unit = schedule.units[static_cast<std::size_t>(i)];
    // Slots of a unit are consecutive, and so are their places.
    const long offset = unit.kv_head % shape.kv_heads * group * size;
    const long first_row = unit_row(unit);
    merge_attention(partial(unit.first_slot), partial(1).values - partial(0).values, unit.slots,
                    size, unit.tokens, group, attended.row(first_row).values + offset, columns);
    for (long row = first_row; row < first_row + unit.tokens; ++row) {
      attended.convert_blocks(row, offset / kBlockColumns, (offset + group * size) / kBlockColumns);
    }
  }
}

void Step::project_output(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const long columns = shape.heads * shape.head_size;
  const Activations x = activations(a.attended, a.attended_converted, columns, columns);
  for (const WorkRange& range : layer.output_split[static_cast<std::size_t>(rank)]) {
    layer.output.multiply(range.first, range.last, x, plan_.request().rows, floats(a.projected),
                          shape.hidden);
  }
}

void Step::norm_ffn(long index, int rank) {
  const long hidden = plan_.shape().hidden;
  const LayerPlan& plan = plan_.layers()[static_cast<std::size_t>(index)];
  const ActivationPlan& a = plan_.activations();
  const auto [first, last] = share_of(plan_.request().rows, rank, ranks_);
  for (long row = first; row < last; ++row) {
    float* result = floats(a.projected) + row * hidden;
    if (plan.post_attention_norm.bytes > 0) {
      rms_norm(result, floats(plan.post_attention_norm), hidden, result);
    }
    add_scaled(floats(a.hidden) + row * hidden, result, 1, hidden);
    norm_row(row, plan.ffn_norm);
  }
}

void Step::gate_up(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const Activations x = activations(a.normed, a.normed_converted, shape.hidden, shape.hidden);
  for (const WorkRange& range : layer.gate_up_split[static_cast<std::size_t>(rank)]) {
    const Weights& weights = range.item == 0 ? layer.gate[0] : layer.up[0];
    weights.multiply(range.first, range.last, x, plan_.request().rows,
                     floats(a.gate_up) + range.item * shape.ffn, 2 * shape.ffn);
  }
}

void Step::activate(long, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const long ffn = shape.is_moe() ? shape.expert_ffn : shape.ffn;
  const long rows = shape.is_moe() ? plan_.expert_rows() : plan_.request().rows;
  // The result takes the gate's place; blocks of all rows are laid end to end.
  const Activations gated = activations(a.gate_up, a.gate_converted, ffn, 2 * ffn);
  const long blocks = ffn / kBlockColumns;
  const auto [first, last] = share_of(rows * blocks, rank, ranks_);
  for (long at = first; at < last;) {
    const long row = at / blocks, from = at % blocks;
    const long to = std::min(blocks, from + last - at);
    float* gate = gated.row(row).values + from * kBlockColumns;
    gated_activation(activation_, gate, gate + ffn, (to - from) * kBlockColumns, gate);
    gated.convert_blocks(row, from, to);
    at += to - from;
  }
}

void Step::down(long index, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const Activations x = activations(a.gate_up, a.gate_converted, shape.ffn, 2 * shape.ffn);
  for (const WorkRange& range : layer.down_split[static_cast<std::size_t>(rank)]) {
    layer.down[0].multiply(range.first, range.last, x, plan_.request().rows, floats(a.projected),
                           shape.hidden);
  }
}

void Step::norm_output(long layer, int rank) {
  const auto [first, last] = share_of(plan_.request().sequences, rank, ranks_);
  for (long row = first_head_row() + first; row < first_head_row() + last; ++row) {
    add_feed_forward(layer, row);
    norm_row(row, plan_.output_norm());
  }
}

void Step::multiply_head(long, int rank) {
  const ModelShape& shape = plan_.shape();
  const ActivationPlan& a = plan_.activations();
  const Activations x = activations(a.normed, a.normed_converted, shape.hidden, shape.hidden);
  for (const WorkRange& range : head_split_[static_cast<std::size_t>(rank)]) {
    head_.multiply(range.first, range.last, x.row(first_head_row()), plan_.request().sequences,
                   floats(a.logits), shape.vocabulary);
  }
}

// Choosing is serial in the engines: one thread looks through the vocabulary.
void Step::pick(long, int rank) {
  if (rank != 0) return;
  const long vocabulary = plan_.shape().vocabulary;
  for (std::size_t i = 0; i < picked_.size(); ++i) {
    const float* of_sequence = logits() + static_cast<long>(i) * vocabulary;
    picked_[i] = plan_.request().pick == Pick::kArgmax ? argmax(of_sequence, vocabulary)
                                                       : picker_.pick(of_sequence);
  }
}

}  // namespace mb
