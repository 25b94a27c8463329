// Sweeps over something else than threads, at one thread count: one law for all.
//
//   seconds(x) = smoothmax(overhead, each * x) + attention * x^2 / 2,   rate = x / seconds
//
// x is prompt tokens of a prefill (overhead: dispatch, and the weights that few rows read as well
// as many), sequences of a batch (the weights read once for all), or generated tokens (the prefill
// before them). Where x lies before the tokens that are counted (decode at a context), a token
// takes overhead + attention * x. Log errors are fitted with a weak prior on the bend; edges are
// read off the law. A sweep over KV sizes has no law to fit: its points are placed in the cache
// levels.
#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "data/documents/recommendation.h"
#include "reports/model/fit_parts.h"
#include "reports/model/least_squares.h"

namespace mb {
namespace {

enum LawParameter { kOverhead, kEach, kAttention, kBend, kLawParameters };
using LawVector = Eigen::Matrix<double, kLawParameters, 1>;

constexpr double kLengthNoise = 0.02;  // runs of one engine repeat within some per cent
constexpr double kLongest = 30;        // of an exponent: keeps damaged data finite
constexpr double kNoticeable = 0.1;    // share of the time at which a term's edge is named
constexpr double kNinetyPercent = 1.645;
constexpr std::size_t kLeastPoints = 3;

struct LawPoint {
  double x, rate;
};

struct Law {
  std::string variable;    // prompt_tokens, context_tokens, batch, new_tokens
  bool per_token = false;  // x lies before what is counted

  struct Terms {
    double overhead, each, attention, total;  // seconds of a step, of a token where per_token
  };
  Terms terms(const LawVector& v, double x) const {
    const auto exponential = [](double e) { return std::exp(std::clamp(e, -kLongest, kLongest)); };
    const double overhead = exponential(v[kOverhead]);
    const double attention = exponential(v[kAttention]);
    if (per_token) return {overhead, 0, attention * x, overhead + attention * x};
    const double each = exponential(v[kEach]) * x, bend = std::clamp(std::exp(v[kBend]), 0.5, 8.0);
    const double larger = std::max(overhead, each), smaller = std::min(overhead, each);
    const double joined = larger * std::pow(1 + std::pow(smaller / larger, bend), 1 / bend);
    return {overhead, each, attention * x * x / 2, joined + attention * x * x / 2};
  }
  double rate(const LawVector& v, double x) const {
    return (per_token ? 1 : x) / terms(v, x).total;
  }
};

std::optional<double> value_of(const SweepPoint& point, std::string_view variable) {
  if (variable == "prompt_tokens") return point.prompt_tokens;
  if (variable == "context_tokens") return point.context_tokens;
  if (variable == "new_tokens") return point.new_tokens;
  return point.batch;
}

std::vector<LawPoint> law_points(const SweepSeries& series, std::string_view variable) {
  constexpr double kLeastRate = 1e-6, kMostRate = 1e9, kMostValue = 1e9;
  std::vector<LawPoint> points;
  for (const SweepPoint& point : series.points) {
    const double x = value_of(point, variable).value_or(0);
    const double rate = point.tokens_per_second.value_or(0);
    if (point.status == "valid" && x > 0 && x <= kMostValue && rate >= kLeastRate &&
        rate <= kMostRate) {
      points.push_back({x, rate});
    }
  }
  std::ranges::stable_sort(points, {}, &LawPoint::x);
  return points;
}

// What the points themselves suggest: the best rate is all work, the first point half overhead.
LawVector law_start(const Law& law, const std::vector<LawPoint>& points) {
  const double best = std::ranges::max(points, {}, &LawPoint::rate).rate;
  const LawPoint &first = points.front(), &last = points.back();
  LawVector start;
  if (law.per_token) {
    start << -std::log(first.rate), 0, -std::log(last.rate * last.x) - 1, 0;
  } else {
    start << std::log(first.x / first.rate) - 0.7, -std::log(best), -std::log(best * last.x) - 1,
        std::log(1.4);
  }
  return start;
}

struct LawFit {
  LawVector x;
  Eigen::Matrix<double, kLawParameters, kLawParameters> covariance;
  double rms_log_error = 0;
};

LawFit fit_law(const Law& law, const std::vector<LawPoint>& points) {
  const LawVector start = law_start(law, points);
  LawVector deviation;
  deviation << 3, 3, 3, 0.8;  // decades either way; bends from a sum to nearly a maximum
  const auto size = static_cast<Eigen::Index>(points.size());
  const auto residuals = [&](const LawVector& v) {
    Eigen::VectorXd r(size + kLawParameters);
    for (Eigen::Index i = 0; i < size; ++i) {
      const LawPoint& point = points[static_cast<std::size_t>(i)];
      r[i] = (std::log(law.rate(v, point.x)) - std::log(point.rate)) / kLengthNoise;
    }
    r.tail<kLawParameters>() = (v - start).cwiseQuotient(deviation);
    return r;
  };
  std::array<bool, kLawParameters> mask;
  mask.fill(true);
  if (law.per_token) mask[kEach] = mask[kBend] = false;
  LawFit fit;
  fit.x = least_squares<kLawParameters>(residuals, start, mask).x;
  const Eigen::VectorXd at = residuals(fit.x);
  fit.rms_log_error =
      kLengthNoise * std::sqrt(at.head(size).squaredNorm() / static_cast<double>(size));
  Eigen::MatrixXd j(at.size(), static_cast<Eigen::Index>(kLawParameters));
  for (int k = 0; k < kLawParameters; ++k) {
    j.col(k) = (residuals(fit.x + 1e-5 * LawVector::Unit(k)) - at) / 1e-5;
  }
  const double scale = std::max(1.0, fit.rms_log_error / kLengthNoise);
  fit.covariance = (j.transpose() * j).inverse() * scale * scale;
  return fit;
}

double reach_of(double variance) {  // half an interval in logs, bounded where nothing is known
  constexpr double kWidest = 7;
  return std::min(kWidest, kNinetyPercent * std::sqrt(std::max(0.0, variance)));
}

void add_parameters(SeriesFit& out, const Law& law, const LawFit& fit) {
  const auto add = [&](const char* name, const char* unit, int index) {
    const double log_value = std::clamp(fit.x[index], -kLongest, kLongest);
    const double reach = reach_of(fit.covariance(index, index));
    out.parameters.push_back({name, unit, std::exp(log_value), std::exp(log_value - reach),
                              std::exp(log_value + reach)});
  };
  add("overhead_seconds", "s", kOverhead);
  if (!law.per_token) add("seconds_per_item", "s", kEach);
  add(law.per_token ? "attention_seconds_per_position" : "attention_seconds_per_pair", "s",
      kAttention);
  if (!law.per_token) add("bend", "1", kBend);
}

std::string_view limiting_term(const Law& law, std::string_view phase, const Law::Terms& terms) {
  if (terms.attention >= std::max(terms.overhead, terms.each)) return "attention";
  if (terms.each > terms.overhead) return "compute";
  return phase == "prefill" && !law.per_token ? "dispatch" : "weights";
}

void add_predictions(SeriesFit& out, const Law& law, const LawFit& fit,
                     const std::vector<LawPoint>& points, int threads) {
  for (const LawPoint& point : points) {
    LawVector gradient;
    const double log_rate = std::log(law.rate(fit.x, point.x));
    for (int k = 0; k < kLawParameters; ++k) {
      gradient[k] =
          (std::log(law.rate(fit.x + 1e-5 * LawVector::Unit(k), point.x)) - log_rate) / 1e-5;
    }
    const double spread = std::max(kLengthNoise, fit.rms_log_error);
    const double reach = reach_of(gradient.dot(fit.covariance * gradient) + spread * spread);
    const std::string_view limit = limiting_term(law, out.phase, law.terms(fit.x, point.x));
    out.predicted.push_back(
        {.threads = threads,
         .at = point.x,
         .tokens_per_second = std::exp(log_rate),
         .low = std::exp(log_rate - reach),
         .high = std::exp(log_rate + reach),
         .regime = std::string(
             regime_name(out.phase, law.variable == "prompt_tokens" ? point.x : 1e9, limit)),
         .limited_by = std::string(limit),
         .measured_tokens_per_second = point.rate});
  }
}

double two_digits(double x) {  // 1714 -> 1700
  const double unit = std::pow(10, std::floor(std::log10(x)) - 1);
  return std::round(x / unit) * unit;
}

// Smallest x in the swept range from which `holds` stays true to its end; absent when never.
template <class Holds>
std::optional<double> first_where(const std::vector<LawPoint>& points, const Holds& holds) {
  constexpr double kStep = 1.02;  // edges are named to two digits
  std::optional<double> first;
  for (double x = points.back().x; x >= points.front().x && holds(x); x /= kStep) first = x;
  return first;
}

void name_edges(SeriesFit& out, const Law& law, const LawFit& fit,
                const std::vector<LawPoint>& points) {
  const auto share = [&](double x, double Law::Terms::*term) {
    const Law::Terms terms = law.terms(fit.x, x);
    return terms.*term / terms.total;
  };
  const auto name = [&](const std::string& key, std::optional<double> x, const std::string& what) {
    if (!x) return;
    out.edges[key + "_" + law.variable] = *x;
    std::string words = law.variable;
    std::ranges::replace(words, '_', ' ');
    out.reasons.push_back(fmt::format("from about {:.6g} {} {}", two_digits(*x), words, what));
  };
  if (!law.per_token) {
    const auto lost = [&](double x) {  // of the rate that work alone would reach
      const Law::Terms terms = law.terms(fit.x, x);
      return 1 - (terms.each + terms.attention) / terms.total;
    };
    const std::optional<double> paid =
        first_where(points, [&](double x) { return lost(x) <= kNoticeable; });
    if (paid && *paid > 1.05 * points.front().x) {
      name("dispatch_edge", paid,
           fmt::format("{} is at most {:.0f} % of the time",
                       law.variable == "batch" ? "reading weights once for all" : "fixed work",
                       100 * kNoticeable));
    }
  }
  name("decline",
       first_where(points,
                   [&](double x) { return share(x, &Law::Terms::attention) >= kNoticeable; }),
       fmt::format("attention takes more than {:.0f} % of the time", 100 * kNoticeable));
  name("attention_edge",
       first_where(points, [&](double x) { return share(x, &Law::Terms::attention) >= 0.5; }),
       "attention takes most of the time");
}

void judge(SeriesFit& out, std::size_t points) {
  constexpr double kGood = 0.05, kPoor = 0.1;
  if (out.rms_log_error > kGood) {
    out.reasons.push_back(
        fmt::format("the law misses the points by {:.1f} % rms", 100 * out.rms_log_error));
  }
  const bool few = points <= kLawParameters;
  if (few) {
    out.reasons.push_back(fmt::format("{} points: priors fill the gaps", points));
  }
  out.confidence = out.rms_log_error > kPoor          ? "low"
                   : few || out.rms_log_error > kGood ? "medium"
                                                      : "high";
}

Law law_of(std::string_view kind, const SweepSeries& series) {
  if (kind == "batch-size") return {"batch", false};
  if (kind == "generation-length") return {"new_tokens", false};
  const bool by_prompt = std::ranges::any_of(
      series.points, [](const SweepPoint& point) { return point.prompt_tokens.has_value(); });
  return {by_prompt ? "prompt_tokens" : "context_tokens", series.phase == "decode" || !by_prompt};
}

}  // namespace

bool is_length_kind(std::string_view kind) {
  return kind == "prompt-length" || kind == "context-length" || kind == "generation-length" ||
         kind == "batch-size";
}

void fit_lengths(SeriesFit& out, std::string_view kind, const SweepSeries& series) {
  const Law law = law_of(kind, series);
  out.variable = law.variable;
  const std::vector<LawPoint> points = law_points(series, law.variable);
  if (points.size() < kLeastPoints) {
    out.reasons.push_back(fmt::format("{} usable points over {}, {} needed for a fit",
                                      points.size(), law.variable, kLeastPoints));
    return;
  }
  const LawFit fit = fit_law(law, points);
  out.rms_log_error = fit.rms_log_error;
  add_parameters(out, law, fit);
  add_predictions(out, law, fit, points, series.threads.value_or(0));
  name_edges(out, law, fit, points);
  judge(out, points.size());
}

void place_kv_sizes(SeriesFit& out, const SweepMachine& machine, const SweepSeries& series) {
  out.variable = "kv_bytes";
  const auto l3 = machine.l3_bytes_total.value_or(0) / std::max(1, machine.l3_domains.value_or(1));
  const std::vector<std::pair<std::string, std::int64_t>> levels = {
      {"L1", machine.l1d_bytes_per_core.value_or(0)},
      {"L2", machine.l2_bytes_per_core.value_or(0)},
      {"L3", l3}};
  for (const SweepPoint& point : series.points) {
    const std::int64_t bytes = point.kv_bytes.value_or(0);
    if (bytes <= 0) continue;
    const auto held =
        std::ranges::find_if(levels, [&](const auto& level) { return bytes <= level.second; });
    out.levels.push_back({.kv_bytes = bytes,
                          .level = held == levels.end() ? "DRAM" : held->first,
                          .gflops = point.gflops});
  }
  if (out.levels.empty()) {
    out.reasons.push_back("no point with kv_bytes");
    return;
  }
  out.reasons.push_back(
      fmt::format("levels by capacity: L1d and L2 of one core, one L3 domain of {:.3g} MB",
                  1e-6 * static_cast<double>(l3)));
  const auto unknown = std::ranges::find_if(levels, [](const auto& l) { return l.second <= 0; });
  if (unknown != levels.end()) {
    out.reasons.push_back(fmt::format("the size of {} is not in the file", unknown->first));
  }
  out.confidence = unknown == levels.end() ? "high" : "low";
  for (std::size_t i = 1; i < out.levels.size(); ++i) {
    const FitLevel &before = out.levels[i - 1], &after = out.levels[i];
    if (before.level == after.level || !before.gflops || !after.gflops) continue;
    out.reasons.push_back(fmt::format("{} to {}: {:.3g} to {:.3g} GFLOP/s ({:+.0f} %)",
                                      before.level, after.level, *before.gflops, *after.gflops,
                                      100 * (*after.gflops / *before.gflops - 1)));
  }
}

}  // namespace mb
