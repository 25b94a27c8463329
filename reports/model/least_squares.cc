// Damped normal equations: a step that makes things worse raises the damping, a better one lowers
// it.
#include "reports/model/least_squares.h"

#include <Eigen/Cholesky>
#include <algorithm>

namespace mb {

Minimum<Eigen::Dynamic> least_squares(
    const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& residuals, Eigen::VectorXd x,
    const std::vector<bool>& mask) {
  constexpr int kMostSteps = 60;
  constexpr double kDifference = 1e-6, kLeastDamping = 1e-9, kMostDamping = 1e12;
  const Eigen::Index parameters = x.size();
  double damping = 1e-2;
  Eigen::VectorXd r = residuals(x);
  double cost = r.squaredNorm();
  for (int i = 0; i < kMostSteps; ++i) {
    Eigen::MatrixXd j = Eigen::MatrixXd::Zero(r.size(), parameters);
    for (Eigen::Index k = 0; k < parameters; ++k) {
      if (!mask[static_cast<std::size_t>(k)]) continue;
      j.col(k) =
          (residuals(x + kDifference * Eigen::VectorXd::Unit(parameters, k)) - r) / kDifference;
    }
    const Eigen::MatrixXd normal = j.transpose() * j;
    const Eigen::VectorXd gradient = j.transpose() * r;
    bool better = false, settled = false;
    while (!better && damping < kMostDamping) {
      Eigen::MatrixXd damped = normal;
      damped.diagonal() *= 1 + damping;
      for (Eigen::Index k = 0; k < parameters; ++k) {
        if (!mask[static_cast<std::size_t>(k)]) damped(k, k) = 1;
      }
      const Eigen::VectorXd step = -damped.ldlt().solve(gradient);
      const Eigen::VectorXd next = residuals(x + step);
      const double next_cost = next.squaredNorm();
      better = next_cost < cost;  // false also when not a number
      damping = better ? std::max(damping / 10, kLeastDamping) : damping * 10;
      if (!better) continue;
      settled = cost - next_cost < 1e-6 * (1 + cost);
      x += step;
      r = next;
      cost = next_cost;
    }
    if (!better || settled) break;
  }
  return {x, cost};
}

}  // namespace mb
