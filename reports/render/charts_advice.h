// The charts of one model's advice that charts_model.cc does not make, and the words of a
// prediction: every rate says phase, prompt, cache, threads and quantisation.
#pragma once
#include <string>
#include <vector>

#include "reports/render/chart.h"

namespace mb {

std::string prediction_words(const Prediction& prediction);
std::string work_words(const ModelAdvice& advice, const Prediction& prediction);
std::vector<Chart> advice_charts(const ModelAdvice& advice);

}  // namespace mb
