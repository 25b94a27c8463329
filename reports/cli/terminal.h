// What a terminal is like, and progress on it: a bar that redraws one line with the time still to
// come, or, where nobody watches, one plain line for each finished step.
#pragma once
#include <string>

#include "probes/campaign/campaign.h"
#include "reports/render/render.h"

namespace mb {

TextStyle standard_output_style();  // columns, and colour unless NO_COLOR or no terminal

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // leaves no half line behind
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(const CampaignProgress& progress);

 private:
  void clear();
  bool terminal_;
  int columns_;
  bool drawn_ = false;
};

// The bar's line, for `columns`: "[####------] 42 %  attention_kv (5 of 9)  33 s to go".
std::string progress_text(const CampaignProgress& progress, int columns);

}  // namespace mb
