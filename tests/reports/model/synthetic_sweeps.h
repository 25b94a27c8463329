// Sweeps of machines whose laws are known: peak, bandwidth, dispatch, hardware threads and noise.
// Throughput is worked out here from the laws in DESIGN section 5's words, not by the model's code.
#pragma once
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "data/documents/sweep.h"

namespace mb::synthetic {

struct SweepLaws {
  int cores = 8, logical = 16;
  double work = 1;       // seconds of one thread for a token
  double ceiling = 0.2;  // seconds below which no number of threads gets
  double dispatch = 0;   // seconds for each thread past the first
  double cliff = 0.6, recovery = 0.4;
  double bend = 2;  // power with which work and ceiling add

  double seconds(double threads) const {
    const double effective =
        threads <= cores ? threads : cores * (cliff + recovery * (threads - cores) / cores);
    const double together =
        std::pow(std::pow(work / effective, bend) + std::pow(ceiling, bend), 1 / bend);
    return together + dispatch * (threads - 1);
  }
  double rate(double threads) const { return 1 / seconds(threads); }
};

// Machines of 4 to 64 cores, with hardware threads on two of three; ceilings from 2 threads up to
// beyond all cores; dispatch up to more than all other time with all cores at work.
inline SweepLaws random_laws(std::mt19937& random) {
  const auto uniform = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  SweepLaws laws;
  laws.cores = static_cast<int>(std::exp(uniform(std::log(4.0), std::log(64.99))));
  laws.logical = uniform(0, 1) < 2.0 / 3 ? 2 * laws.cores : laws.cores;
  laws.work = std::exp(uniform(-4, 2));
  laws.ceiling = laws.work / std::exp(uniform(std::log(2.0), std::log(2.0 * laws.cores)));
  const double at_cores = std::hypot(laws.work / laws.cores, laws.ceiling);
  laws.dispatch = at_cores / laws.cores * std::exp(uniform(std::log(0.003), std::log(1.5)));
  laws.cliff = uniform(0.45, 0.95);
  laws.recovery = uniform(0.1, 0.6);
  return laws;
}

// About two dozen counts, as somebody measures who wants to know: all small ones, both sides of the
// cores' edge, and steps between.
inline std::vector<int> usual_counts(const SweepLaws& laws) {
  std::vector<int> counts;
  const int step = std::max(1, laws.cores / 8);
  for (int threads = 1; threads <= laws.logical; threads += threads < 4 ? 1 : step) {
    counts.push_back(threads);
  }
  for (const int edge : {laws.cores, laws.cores + 1, laws.logical}) {
    if (edge <= laws.logical) counts.push_back(edge);
  }
  return counts;
}

inline Sweep sweep_of(const SweepLaws& laws, const std::vector<int>& counts, double noise,
                      std::mt19937& random) {
  std::normal_distribution<double> normal(0, noise);
  Sweep sweep;
  sweep.machine.physical_cores = laws.cores;
  sweep.machine.logical_cpus = laws.logical;
  sweep.series.resize(1);
  sweep.series[0].phase = "decode";
  for (const int threads : counts) {
    SweepPoint point;
    point.threads = threads;
    point.tokens_per_second = laws.rate(threads) * std::exp(noise > 0 ? normal(random) : 0);
    sweep.series[0].points.push_back(point);
  }
  return sweep;
}

}  // namespace mb::synthetic
