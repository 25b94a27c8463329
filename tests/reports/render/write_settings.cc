// Writes every format's text for three machines into FOLDER/MACHINE/FORMAT, for readers_test.py: a
// machine whose advice leaves CPUs out (lists and masks), one under a quota (no lists), and two
// NUMA nodes of which the advice needs one.
#include <fmt/format.h>

#include <filesystem>

#include "data/system/files.h"
#include "reports/advice/parts.h"
#include "reports/render/render.h"
#include "tests/reports/render/fixtures.h"

namespace {

void write_all(const mb::fixture::Documents& documents, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  mb::Recommendation recommendation = documents.recommendation;
  mb::ModelAdvice& advice = recommendation.models.at(2);
  advice.engines = mb::engine_settings(documents.results.machine, "q4_0", advice);
  for (const mb::EngineFormat& format : mb::engine_formats()) {
    mb::write_file_atomically(folder / format.name,
                              mb::render_engine(recommendation, advice.model, format.name).text);
  }
}

std::vector<int> cpus_up_to(int count) {
  std::vector<int> cpus;
  for (int cpu = 0; cpu < count; ++cpu) cpus.push_back(cpu);
  return cpus;
}

void advise_lists(mb::fixture::Documents& documents) {
  for (mb::ModelAdvice& advice : documents.recommendation.models) {
    for (mb::PhaseAdvice* phase : {&advice.prefill, &advice.decode, &advice.compromise}) {
      phase->cpu_list = cpus_up_to(phase->threads);
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const std::filesystem::path folder = arguments[1];
  mb::fixture::Documents masks = mb::fixture::smt_machine();
  advise_lists(masks);
  write_all(masks, folder / "masks");

  mb::fixture::Documents nodes = masks;
  nodes.results.machine.numa_nodes = {{0, 32LL << 30}, {1, 32LL << 30}};
  for (mb::Pu& pu : nodes.results.machine.pus) pu.numa_node = pu.smt_rank;  // 0-11 and 12-23
  write_all(nodes, folder / "nodes");

  mb::fixture::Documents quota = mb::fixture::smt_machine();
  quota.results.machine.limits.quota_cpus = 2.5;
  for (mb::ModelAdvice& advice : quota.recommendation.models) {
    for (mb::PhaseAdvice* phase : {&advice.prefill, &advice.decode, &advice.compromise}) {
      phase->cpu_list.reset();
      phase->threads = 2;
    }
  }
  write_all(quota, folder / "quota");
  return 0;
}
