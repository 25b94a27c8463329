// A cycle drafts k tokens and checks them in one step of k + 1 rows, each through the head. With
// every draft accepted with probability a, independently, it yields (1 - a^(k+1)) / (1 - a) tokens
// (Leviathan, Kalman and Matias, "Fast inference from transformers via speculative decoding", 2023)
// for the time of k draft steps and one check.
#include <algorithm>
#include <cmath>

#include "data/error.h"
#include "reports/advice/levers.h"
#include "reports/model/workload.h"

namespace mb {
namespace {

double tokens_a_cycle(double acceptance, int drafts) {
  if (acceptance == 1) return drafts + 1;  // the sum that the closed form is
  return (1 - std::pow(acceptance, drafts + 1)) / (1 - acceptance);
}

// The acceptance at which a cycle yields `tokens`; nullopt where even 1 does not. The yield rises
// from 1 to k + 1, so halving finds it.
std::optional<double> acceptance_for(double tokens, int drafts) {
  if (tokens > drafts + 1) return std::nullopt;
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (tokens_a_cycle(middle, drafts) < tokens ? low : high) = middle;
  }
  return high;
}

// The smallest of the catalogue with the same family name and vocabulary, at most half as heavy.
std::optional<ModelShape> relative_of(const ModelShape& shape) {
  const auto family = [](const std::string& name) { return name.substr(0, name.find('-')); };
  for (const std::string& name : catalogue()) {
    if (family(name) != family(shape.name)) continue;
    ModelShape other = find_model(name);
    if (!other.unsupported.empty() || other.vocabulary != shape.vocabulary) continue;
    if (2 * other.weight_bytes_per_token() > shape.weight_bytes_per_token()) continue;
    return other;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Speculation> speculate(const AdviceContext& context, const ModelShape& shape) {
  const Workload work(shape);
  Query query = context.query;
  query.phase = "decode";
  query.batch = 1;
  const double step = *fastest(context, work, context.engine, query).seconds;
  std::vector<std::pair<std::string, double>> drafts{{"lookup", 0}};
  if (const auto relative = relative_of(shape)) {
    drafts.emplace_back(relative->spec(),
                        *fastest(context, Workload(*relative), context.engine, query).seconds);
  }
  std::vector<Speculation> made;
  for (int count = 2; count <= 8; ++count) {
    query.rows = count + 1;
    const double check = *fastest(context, work, context.engine, query).seconds;
    for (const auto& [draft, seconds] : drafts) {
      Speculation one{draft, count, count * seconds, check, {}, {}};
      const double cycle = one.draft_seconds + check;
      one.break_even_acceptance = acceptance_for(cycle / step, count);
      for (const auto& [word, acceptance] :
           {std::pair("0.6", 0.6), std::pair("0.8", 0.8), std::pair("1", 1.0)}) {
        one.speedup_by_acceptance[word] = tokens_a_cycle(acceptance, count) * step / cycle;
      }
      made.push_back(std::move(one));
    }
  }
  std::stable_sort(made.begin(), made.end(), [](const Speculation& a, const Speculation& b) {
    return (a.draft == "lookup") > (b.draft == "lookup");
  });
  return made;
}

}  // namespace mb
