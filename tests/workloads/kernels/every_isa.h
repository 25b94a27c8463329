// Runs a test body once on every instruction set that this CPU supports, each forced in turn.
#pragma once
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "workloads/kernels/isa.h"

namespace mb {

template <class Body>
void on_every_isa(Body body) {
  for (const std::string& name : supported_isas()) {
    SCOPED_TRACE(name);
    const ForcedIsa forced(name);
    body();
  }
}

inline std::vector<float> random_floats(long count, unsigned seed, float size = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-size, size);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = uniform(generator);
  return values;
}

}  // namespace mb
