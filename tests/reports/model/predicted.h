// Rates that the forward model predicts by the name of a model.
#pragma once
#include <string>

#include "reports/model/machine_model.h"

namespace mb {

inline double decode(const MachineModel& model, const std::string& spec, int threads,
                     std::int64_t context = 512, const char* engine = "llama.cpp-threadpool") {
  return model
      .predict(find_model(spec), find_engine_profile(engine), {"decode", 512, context, "f16"},
               threads)
      .tokens_per_second;
}

inline double prefill(const MachineModel& model, const std::string& spec, int threads) {
  return model
      .predict(find_model(spec), find_engine_profile("llama.cpp-threadpool"),
               {"prefill", 512, 0, "f16"}, threads)
      .tokens_per_second;
}

}  // namespace mb
