// A developers' program, not a probe: holds steps ready and times them when told, line by line on
// stdin, so that scripts/engines/compare_steps.py can take turns with a real engine. (A probe takes
// all samples of a point in one go; two programs compared minutes apart see two machines.)
//
//   step NAME MODEL ROWS CONTEXT GROWTH [KV]
//                                          builds a step of all layers of MODEL and its head, KV
//                                          stored as f16 unless said (f32, q8_0)
//   run NAME CONTEXT REPEATS               times REPEATS steps at a context within the growth
//   profile NAME CONTEXT REPEATS           the same, seconds of each kind of operation (the median)
//   drop NAME                              frees its memory
//
// Each line is answered by one line of JSON: {"seconds": [...]}, {"operations": {NAME: seconds}} or
// {"error": "..."}. Arguments:
// THREADS [SYNC [PAGE]].
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "data/error.h"
#include "probes/core/arena.h"
#include "probes/core/describe_machine.h"
#include "probes/core/kit.h"
#include "probes/profile_step.h"
#include "workloads/kernels/matmul_panels.h"
#include "workloads/step.h"

namespace {

class HeldStep {
 public:
  HeldStep(const mb::StepPlan& plan, mb::PageKind page, mb::PinnedTeam& team)
      : team_(team), buffer_(plan.bytes(), page), step_(plan, buffer_.data(), team) {}

  nlohmann::json run(long context, int repeats) {
    step_.move_to(context);
    std::vector<double> seconds;
    for (int i = 0; i < repeats; ++i) {
      seconds.push_back(team_.timed([this](int rank) { step_.run_rank(rank); }));
    }
    step_.check();
    return {{"seconds", seconds}};
  }

  nlohmann::json profile(long context, int repeats) {
    step_.move_to(context);
    nlohmann::json seconds = nlohmann::json::object();
    for (const mb::OperationTotal& total : mb::profile_step(step_, team_, repeats)) {
      seconds[std::string(total.work.name)] = total.seconds;
    }
    return {{"operations", seconds}};
  }

 private:
  mb::PinnedTeam& team_;
  mb::Buffer buffer_;
  mb::Step step_;
};

class Rounds {
 public:
  Rounds(int threads, const std::string& sync, const std::string& page)
      : kit_(mb::describe_machine()), page_(mb::page_kind_from_string(page)) {
    mb::Parameters parameters;
    parameters.set("threads", threads);
    parameters.set("sync", sync);
    team_ = &kit_.team(parameters);
  }

  nlohmann::json answer(const std::string& line) {
    std::istringstream words(line);
    std::string verb, name, model;
    words >> verb >> name;
    if (verb == "step") {
      mb::StepRequest request;
      words >> model >> request.rows >> request.context >> request.growth;
      if (std::string kv_type; words >> kv_type) request.kv_type = mb::kv_type_from_string(kv_type);
      request.shape = mb::find_model(model);
      request.layers = request.shape.layers;
      request.ranks = team_->size();
      const mb::StepPlan plan(request);
      steps_[name] = std::make_unique<HeldStep>(plan, page_, *team_);
      return {{"bytes", plan.bytes()}, {"isa", mb::matmul_panels_isa()}};
    }
    const auto found = steps_.find(name);
    if (found == steps_.end()) {
      throw mb::Error(mb::ErrorCode::kUsage, fmt::format("no step '{}': build it first", name));
    }
    if (verb == "drop") {
      steps_.erase(found);
      return nlohmann::json::object();
    }
    long context = 0;
    int repeats = 1;
    if ((verb != "run" && verb != "profile") || !(words >> context >> repeats)) {
      throw mb::Error(
          mb::ErrorCode::kUsage,
          fmt::format("'{}': expected step, run or profile NAME CONTEXT REPEATS, drop", line));
    }
    return verb == "run" ? found->second->run(context, repeats)
                         : found->second->profile(context, repeats);
  }

 private:
  mb::ProbeKit kit_;
  mb::PageKind page_;
  mb::PinnedTeam* team_ = nullptr;
  std::map<std::string, std::unique_ptr<HeldStep>> steps_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr,
               "usage: step_rounds THREADS [SYNC [PAGE]]  (lines on stdin: see the file)\n");
    return 2;
  }
  try {
    Rounds rounds(std::stoi(argv[1]), argc > 2 ? argv[2] : "spin", argc > 3 ? argv[3] : "thp");
    for (std::string line; std::getline(std::cin, line);) {
      nlohmann::json answer;
      try {
        answer = rounds.answer(line);
      } catch (const mb::Error& error) {
        answer = {{"error", error.what()}};
      }
      fmt::print("{}\n", answer.dump());
      std::fflush(stdout);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "step_rounds: {}\n", error.what());
    return 1;
  }
}
