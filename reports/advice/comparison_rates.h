// One document's rates, as a comparison takes them. Private to the comparison.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "reports/advice/comparison.h"

namespace mb {

struct DocumentRates {
  ComparedDocument document;
  // model -> phase -> rate; phases without a rate are not there
  std::map<std::string, std::map<std::string, ComparedRate>> rates;
  std::map<std::string, std::string> titles;  // of models
  std::map<std::string, std::string> absent;  // model -> why
};

DocumentRates rates_of(const ComparisonInput& input, const std::vector<std::string>& models,
                       const ComparisonRequest& request);

}  // namespace mb
