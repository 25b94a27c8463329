// The whole step in plain loops over scalar twins, one operation after the other: what Step must
// equal. It reads the step's own weights and a copy of its cache.
#pragma once
#include <cmath>
#include <vector>

#include "workloads/kernels/half.h"
#include "workloads/kernels/rms_norm.h"
#include "workloads/kernels/rope.h"
#include "workloads/step.h"

namespace mb {

class ReferenceStep {
 public:
  // Made before step.run(), which appends to the cache.
  explicit ReferenceStep(const Step& step) : step_(step), plan_(step.plan()) {
    for (const LayerPlan& layer : plan_.layers()) {
      keys_.emplace_back(step.bytes(layer.keys), step.bytes(layer.keys) + layer.keys.bytes);
      values_.emplace_back(step.bytes(layer.values), step.bytes(layer.values) + layer.values.bytes);
    }
  }

  std::vector<float> logits(const float* input) {
    const long rows = plan_.request().rows, hidden = shape().hidden;
    std::vector<float> x(input, input + rows * hidden);
    for (long layer = 0; layer < plan_.request().layers; ++layer) {
      const LayerPlan& place = plan_.layers()[static_cast<std::size_t>(layer)];
      add(x, normed(attention(layer, normed(x, place.attention_norm)), place.post_attention_norm));
      add(x, normed(feed_forward(layer, normed(x, place.ffn_norm)), place.post_ffn_norm));
    }
    const std::vector<float> last = normed(x, plan_.output_norm());
    return multiply(step_.head(), {last.end() - hidden * plan_.request().sequences, last.end()});
  }

 private:
  using Rows = std::vector<float>;
  const ModelShape& shape() const { return plan_.shape(); }

  static void add(Rows& x, const Rows& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  Rows normed(const Rows& x, Span weight) const {
    const auto count = static_cast<std::size_t>(weight.bytes / 4);
    if (count == 0) return x;
    Rows out(x.size());
    for (std::size_t at = 0; at < x.size(); at += count) {
      rms_norm_scalar(&x[at], step_.floats(weight), static_cast<long>(count), &out[at]);
    }
    return out;
  }

  // Every row of x by the whole matrix, with activations quantised where the matrix is, and rounded
  // where it is bf16.
  static Rows multiply(const Weights& weights, const Rows& x) {
    const auto columns = static_cast<std::size_t>(weights.columns());
    Rows values = x;
    if (is_quantised(weights.type())) {
      std::vector<std::int8_t> q(x.size());
      std::vector<float> scales(x.size() / 32);
      std::vector<std::int32_t> sums(x.size() / 16);
      quantise_scalar(x.data(), 0, static_cast<long>(x.size() / 32),
                      {q.data(), scales.data(), sums.data(), static_cast<long>(x.size())});
      for (std::size_t i = 0; i < x.size(); ++i) values[i] = scales[i / 32] * q[i];
    }
    if (weights.type() == WeightType::kBF16) {
      for (float& value : values) value = f32_from_bf16(bf16_from_f32(value));
    }
    Rows out;
    for (std::size_t s = 0; s < x.size() / columns; ++s) {
      for (long row = 0; row < weights.rows(); ++row) {
        double sum = 0;
        for (std::size_t c = 0; c < columns; ++c) {
          sum += static_cast<double>(weights.at(row, static_cast<long>(c))) *
                 static_cast<double>(values[s * columns + c]);
        }
        out.push_back(static_cast<float>(sum));
      }
    }
    return out;
  }

  void rotate(float* x, long position, Span bias, long head, Span norm) const {
    const long size = shape().head_size, half = size / 2;
    for (long i = 0; i < size && bias.bytes > 0; ++i) x[i] += step_.floats(bias)[head * size + i];
    if (norm.bytes > 0) rms_norm_scalar(x, step_.floats(norm), size, x);
    Rows cosines, sines;
    for (long i = 0; i < half; ++i) {
      const double angle = static_cast<double>(position) *
                           std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
      cosines.push_back(static_cast<float>(std::cos(angle)));
      sines.push_back(static_cast<float>(std::sin(angle)));
    }
    rope_scalar(x, cosines.data(), sines.data(), half);
  }

  Rows attention(long index, const Rows& x) {
    const Step::Layer& layer = step_.layer(index);
    const auto at = static_cast<std::size_t>(index);
    const LayerPlan& place = plan_.layers()[at];
    const long size = shape().head_size, rows = plan_.request().rows;
    const long query = shape().heads * size, key = shape().kv_heads * size;
    Rows q = multiply(layer.q, x), k = multiply(layer.k, x), v = multiply(layer.v, x);
    Rows out(q.size());
    const auto cache = [&](long head) {
      const KvType type = plan_.request().kv_type;
      const long offset = head * kv_head_bytes(type, size, place.capacity);
      return KvHead{type, keys_[at].data() + offset, values_[at].data() + offset, size};
    };
    const long sequences = plan_.request().sequences, tokens = rows / sequences;
    for (long row = 0; row < rows; ++row) {
      const long position = step_.context() + row % tokens;
      const long first_head = row / tokens * shape().kv_heads;
      for (long head = 0; head < shape().heads; ++head) {
        rotate(&q[static_cast<std::size_t>(row * query + head * size)], position, place.q_bias,
               head, place.q_norm);
      }
      for (long head = 0; head < shape().kv_heads; ++head) {
        float* one_key = &k[static_cast<std::size_t>(row * key + head * size)];
        float* one_value = &v[static_cast<std::size_t>(row * key + head * size)];
        rotate(one_key, position, place.k_bias, head, place.k_norm);
        for (long i = 0; i < size && place.v_bias.bytes > 0; ++i) {
          one_value[i] += step_.floats(place.v_bias)[head * size + i];
        }
        append_kv_scalar(cache(first_head + head), position - place.first_position, one_key,
                         one_value);
      }
    }
    const long group = shape().heads / shape().kv_heads;
    for (long head = 0; head < sequences * shape().kv_heads; ++head) {
      const long offset =
          head / shape().kv_heads * tokens * query + head % shape().kv_heads * group * size;
      const QueryBlock block{
          q.data() + offset, query, tokens, group, step_.context() - place.first_position,
          place.window};
      attention_scalar(cache(head), block, out.data() + offset);
    }
    return multiply(layer.output, out);
  }

  Rows gated(const Weights& gate, const Weights& up, const Weights& down, const Rows& x) const {
    Rows g = multiply(gate, x);
    const Rows u = multiply(up, x);
    const bool gemma = shape().architecture == "gemma3";
    gated_activation_scalar(gemma ? Activation::kGelu : Activation::kSilu, g.data(), u.data(),
                            static_cast<long>(g.size()), g.data());
    return multiply(down, g);
  }

  Rows feed_forward(long index, const Rows& x) const {
    const Step::Layer& layer = step_.layer(index);
    if (layer.routed.empty()) return gated(layer.gate[0], layer.up[0], layer.down[0], x);
    const auto hidden = static_cast<std::size_t>(shape().hidden);
    const auto experts = static_cast<std::size_t>(shape().experts);
    const Rows router = multiply(layer.router, x);
    Rows sums(x.size() / hidden), out(x.size());
    const auto odds = [&](const Step::Layer::Routed& routed) {
      return std::exp(router[static_cast<std::size_t>(routed.row) * experts +
                             static_cast<std::size_t>(routed.expert)]);
    };
    for (const auto& routed : layer.routed)
      sums[static_cast<std::size_t>(routed.row)] += odds(routed);
    for (const auto& routed : layer.routed) {
      const std::size_t row = static_cast<std::size_t>(routed.row) * hidden;
      const auto e = static_cast<std::size_t>(routed.expert);
      const Rows result =
          gated(layer.gate[e], layer.up[e], layer.down[e],
                {x.begin() + static_cast<long>(row), x.begin() + static_cast<long>(row + hidden)});
      for (std::size_t i = 0; i < hidden; ++i) {
        out[row + i] += odds(routed) / sums[static_cast<std::size_t>(routed.row)] * result[i];
      }
    }
    return out;
  }

  const Step& step_;
  const StepPlan& plan_;
  std::vector<std::vector<std::byte>> keys_, values_;
};

}  // namespace mb
