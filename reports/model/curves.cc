// Piecewise interpolation and the reference-and-ratio rule of families; see curves.h for why.
#include "reports/model/curves.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <tuple>

namespace mb {

Joined smoothmax(double a, double b, double power) {
  const double top = std::max(a, b);
  if (top <= 0) return {0, 0.5};
  const double pa = std::pow(a / top, power), pb = std::pow(b / top, power);
  return {top * std::pow(pa + pb, 1 / power), pa / (pa + pb)};
}

void Curve::add(const CurvePoint& point) {
  const auto place = std::lower_bound(points_.begin(), points_.end(), point.x,
                                      [](const CurvePoint& held, double x) { return held.x < x; });
  if (place != points_.end() && place->x == point.x) {
    *place = point;
  } else {
    points_.insert(place, point);
  }
}

bool Curve::has(double x) const {
  return std::any_of(points_.begin(), points_.end(),
                     [&](const CurvePoint& point) { return point.x == x; });
}

Estimate Curve::at(double x) const {
  if (points_.empty()) throw std::logic_error("a curve without points was asked for a value");
  const CurvePoint& first = points_.front();
  const CurvePoint& last = points_.back();
  if (x <= first.x) {
    const double scale = below_ == Below::kProportional && first.x > 0 ? x / first.x : 1;
    return {first.y * scale, first.spread};
  }
  if (x >= last.x) return {last.y, last.spread};
  const auto right =
      std::upper_bound(points_.begin(), points_.end(), x,
                       [](double wanted, const CurvePoint& held) { return wanted < held.x; });
  const CurvePoint &a = *std::prev(right), &b = *right;
  const double spread = std::max(a.spread, b.spread);
  if (axes_ == Axes::kLogarithmic && a.y > 0 && b.y > 0 && a.x > 0) {
    const double share = std::log(x / a.x) / std::log(b.x / a.x);
    return {a.y * std::pow(b.y / a.y, share), spread};
  }
  return {std::lerp(a.y, b.y, (x - a.x) / (b.x - a.x)), spread};
}

void Curve::perturb(Random& random) {
  std::normal_distribution<double> normal;
  for (CurvePoint& point : points_) point.y *= std::exp(point.error * normal(random));
}

void Family::add(std::string_view group, double x, const CurvePoint& over_threads) {
  auto place =
      std::lower_bound(members_.begin(), members_.end(), std::tie(group, x),
                       [](const Member& member, const auto& wanted) {
                         return std::tuple(std::string_view(member.group), member.x) < wanted;
                       });
  if (place == members_.end() || place->group != group || place->x != x) {
    place = members_.insert(
        place, {std::string(group), x, Curve(Curve::Axes::kLinear, Curve::Below::kProportional)});
  }
  place->over_threads.add(over_threads);
  const auto most =
      std::max_element(members_.begin(), members_.end(), [](const Member& a, const Member& b) {
        return a.over_threads.points().size() < b.over_threads.points().size();
      });
  reference_ = static_cast<std::size_t>(most - members_.begin());
}

bool Family::has(std::string_view group) const {
  return std::any_of(members_.begin(), members_.end(),
                     [&](const Member& member) { return member.group == group; });
}

std::optional<CurvePoint> Family::point(std::string_view group, double x, double threads) const {
  for (const Member& member : members_) {
    if (member.group != group || member.x != x) continue;
    for (const CurvePoint& point : member.over_threads.points()) {
      if (point.x == threads) return point;
    }
  }
  return std::nullopt;
}

Estimate Family::value(const Member& member, double threads) const {
  const Curve& base = reference().over_threads;
  const Curve& own = member.over_threads;
  if (&own == &base || own.has(threads)) return own.at(threads);
  // The member's ratio to the reference at its own two neighbouring counts, held at the ends.
  const auto& points = own.points();
  const auto ratio = [&](const CurvePoint& point) { return point.y / base.at(point.x).value; };
  const auto right =
      std::upper_bound(points.begin(), points.end(), threads,
                       [](double wanted, const CurvePoint& held) { return wanted < held.x; });
  const CurvePoint& a = right == points.begin() ? *right : *std::prev(right);
  const CurvePoint& b = right == points.end() ? points.back() : *right;
  const double share = a.x < b.x ? (threads - a.x) / (b.x - a.x) : 0;
  const Estimate shape = base.at(threads);
  return {shape.value * std::lerp(ratio(a), ratio(b), share),
          std::hypot(shape.spread, std::max(a.spread, b.spread))};
}

Estimate Family::at(std::string_view group, double x, double threads) const {
  const Member *below = nullptr, *above = nullptr;  // nearest in x on either side
  for (const Member& member : members_) {
    if (member.group != group) continue;
    if (member.x <= x) below = &member;
    if (member.x >= x && above == nullptr) above = &member;
  }
  if (below == nullptr && above == nullptr) throw std::logic_error("no such group in the family");
  if (below == nullptr || above == nullptr || below == above) {
    return value(below != nullptr ? *below : *above, threads);
  }
  const Estimate low = value(*below, threads), high = value(*above, threads);
  Curve between(between_);
  between.add({below->x, low.value, low.spread, 0});
  between.add({above->x, high.value, high.spread, 0});
  return between.at(x);
}

double Family::smallest_x(std::string_view group) const {
  for (const Member& member : members_) {
    if (member.group == group) return member.x;
  }
  throw std::logic_error("no such group in the family");
}

double Family::scaling(double threads) const {
  std::vector<double> ratios;  // of members whose own points say it, and not the reference's shape
  std::vector<std::pair<double, double>> visited;  // visits, ratio
  double most_visits = 0;
  for (const Member& member : members_) {
    const CurvePoint *one = nullptr, *several = nullptr;
    for (const CurvePoint& point : member.over_threads.points()) {
      if (point.x == 1) one = &point;
      if (point.x == threads) several = &point;
    }
    if (one == nullptr || several == nullptr) continue;
    visited.emplace_back(std::min(one->visits, several->visits), several->y / one->y);
    most_visits = std::max(most_visits, visited.back().first);
  }
  for (const auto& [visits, ratio] : visited) {
    if (visits > most_visits / 2) ratios.push_back(ratio);
  }
  const Curve& base = reference().over_threads;
  if (ratios.empty()) return base.at(threads).value / base.at(1).value;
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>((ratios.size() - 1) / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  return *middle;
}

std::vector<double> Family::threads() const {
  std::vector<double> counts;
  if (members_.empty()) return counts;
  for (const CurvePoint& point : reference().over_threads.points()) counts.push_back(point.x);
  return counts;
}

void Family::perturb(Random& random) {
  for (Member& member : members_) member.over_threads.perturb(random);
}

}  // namespace mb
