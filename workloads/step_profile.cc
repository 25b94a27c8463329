// Counted from the step's plan and division, so that what is profiled is what ran: attention by its
// units (each reads its positions once for all its rows), experts by those in use.
#include "workloads/step_profile.h"

#include <algorithm>

namespace mb {
namespace {

double as_double(long value) { return static_cast<double>(value); }

class Counter {
 public:
  explicit Counter(const Step& step)
      : step_(step),
        shape_(step.plan().shape()),
        rows_(as_double(step.plan().request().rows)),
        hidden_(as_double(shape_.hidden)),
        query_(as_double(shape_.heads * shape_.head_size)),
        kv_(as_double(shape_.kv_heads * shape_.head_size)),
        ffn_(as_double(shape_.is_moe() ? shape_.expert_ffn : shape_.ffn)),
        ffn_rows_(shape_.is_moe() ? as_double(step.plan().expert_rows()) : rows_) {}

  OperationWork count(std::string_view name, long index) const {
    OperationWork work{name, index};
    const Step::Layer& layer = step_.layer(index);
    if (name == "qkv") {
      multiply(work, {&layer.q, &layer.k, &layer.v}, rows_);
    } else if (name == "output") {
      multiply(work, {&layer.output}, rows_);
    } else if (name == "router") {
      multiply(work, {&layer.router}, rows_);
    } else if (name == "head") {
      multiply(work, {&step_.head()}, as_double(step_.plan().request().sequences));
    } else if (name == "gate_up" || name == "down") {
      count_feed_forward(work, layer);
    } else if (name == "attention") {
      count_attention(work, layer);
    } else {
      count_element_wise(work);
    }
    return work;
  }

 private:
  static void multiply(OperationWork& work, std::initializer_list<const Weights*> matrices,
                       double rows) {
    for (const Weights* matrix : matrices) {
      work.flops += 2 * rows * as_double(matrix->rows()) * as_double(matrix->columns());
      work.weight_bytes += static_cast<double>(matrix->read_bytes());
      work.activation_bytes += 4 * rows * as_double(matrix->rows());
    }
    // Input in the kernels' form: a byte a value and its scales where weights are quantised.
    const Weights& first = **matrices.begin();
    const double value_bytes = is_quantised(first.type())          ? 1.375
                               : first.type() == WeightType::kBF16 ? 2
                                                                   : 4;
    work.activation_bytes += value_bytes * rows * as_double(first.columns());
  }

  void count_feed_forward(OperationWork& work, const Step::Layer& layer) const {
    const bool down = work.name == "down";
    if (layer.groups.empty()) {
      return down ? multiply(work, {&layer.down[0]}, rows_)
                  : multiply(work, {&layer.gate[0], &layer.up[0]}, rows_);
    }
    for (const Step::Layer::Group& group : layer.groups) {
      const auto e = static_cast<std::size_t>(group.expert);
      down ? multiply(work, {&layer.down[e]}, as_double(group.rows))
           : multiply(work, {&layer.gate[e], &layer.up[e]}, as_double(group.rows));
    }
  }

  void count_attention(OperationWork& work, const Step::Layer& layer) const {
    const long group = shape_.heads / shape_.kv_heads;
    for (const AttentionUnit& unit : layer.attention.units) {
      const long span = unit.last_position - unit.first_position;
      // Two FLOP each for query x key and probability x value; the causal corner of the unit's own
      // rows is masked, not left out.
      work.flops += 4.0 * as_double(span) * as_double(unit.tokens * group * shape_.head_size);
      work.kv_bytes += 2 * static_cast<double>(kv_head_bytes(step_.plan().request().kv_type,
                                                             shape_.head_size, span));
      work.activation_bytes += 8 * as_double(unit.tokens * group * shape_.head_size);
    }
  }

  // FLOP by the usual count of each (a norm: square, sum, two multiplies; a rotation: three a
  // value); bytes of f32 values read and written.
  void count_element_wise(OperationWork& work) const {
    double values = rows_ * hidden_, flops = 5, passes = 3;
    if (work.name == "rope") {
      values = rows_ * (query_ + kv_);
      flops = 3;
      passes = 2;
    } else if (work.name == "merge") {
      values = rows_ * query_;
      flops = 2;
      passes = 2;
    } else if (work.name == "activation") {
      values = ffn_rows_ * ffn_;
      flops = 6;
    } else if (work.name == "dispatch") {
      values = ffn_rows_ * hidden_;
      flops = 0;
      passes = 2;
    } else if (work.name == "output_norm") {
      values = as_double(step_.plan().request().sequences) * hidden_;
    } else if (work.name == "pick") {
      values = as_double(step_.plan().request().sequences * shape_.vocabulary);
      flops = passes = 1;
    }
    work.flops = flops * values;
    work.activation_bytes = 4 * passes * values;
  }

  const Step& step_;
  const ModelShape& shape_;
  double rows_, hidden_, query_, kv_, ffn_, ffn_rows_;
};

}  // namespace

std::vector<OperationWork> describe_operations(const Step& step) {
  const Counter counter(step);
  std::vector<OperationWork> operations;
  for (int i = 0; i < step.operations(); ++i) {
    operations.push_back(counter.count(step.operation_name(i), step.operation_layer(i)));
  }
  return operations;
}

std::vector<OperationTotal> total_by_name(const std::vector<OperationWork>& operations,
                                          std::span<const double> seconds) {
  std::vector<OperationTotal> totals;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const OperationWork& one = operations[i];
    auto found = std::ranges::find_if(
        totals, [&](const OperationTotal& total) { return total.work.name == one.name; });
    if (found == totals.end()) {
      found = totals.insert(totals.end(), {{one.name, -1}, 0});
    }
    found->work.flops += one.flops;
    found->work.weight_bytes += one.weight_bytes;
    found->work.kv_bytes += one.kv_bytes;
    found->work.activation_bytes += one.activation_bytes;
    found->seconds += seconds[i];
  }
  return totals;
}

}  // namespace mb
