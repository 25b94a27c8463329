// Event sets are vectors of names; an event's code is its place among the names ever added.
#include "tests/probes/counters/fake_papi.h"

#include <papi.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

#include "probes/core/counter_truth.h"

namespace mb {
namespace {

std::mutex mutex;  // ranks open their sets at the same time
std::vector<std::string> names;
std::map<int, std::vector<int>> sets;  // codes

bool fails(const char* function) { return pmu().fails == function; }

}  // namespace

FakePmu& pmu() {
  static FakePmu fake;
  return fake;
}

void reset_pmu() {
  pmu() = {};
  pmu().counts = {{"PAPI_TOT_INS", spin_instructions()},
                  {"PAPI_TOT_CYC", spin_instructions() / 4},
                  {"PAPI_BR_INS", spin_instructions() / 2},
                  {"PAPI_L1_DCM", 5000}};
}

}  // namespace mb

extern "C" {

using mb::pmu;
using Lock = std::scoped_lock<std::mutex>;

int PAPI_library_init(int version) { return mb::fails("PAPI_library_init") ? -1 : version; }
int PAPI_thread_init(unsigned long (*)(void)) {
  return mb::fails("PAPI_thread_init") ? PAPI_EPERM : PAPI_OK;
}
char* PAPI_strerror(int status) {
  static char text[] = "Permission denied", other[] = "another error";
  return status == PAPI_EPERM ? text : other;
}
int PAPI_register_thread() {
  const Lock lock(mb::mutex);
  ++pmu().threads_left;
  return PAPI_OK;
}
int PAPI_unregister_thread() {
  const Lock lock(mb::mutex);
  --pmu().threads_left;
  return PAPI_OK;
}
int PAPI_create_eventset(int* set) {
  const Lock lock(mb::mutex);
  if (mb::fails("PAPI_create_eventset")) return PAPI_EPERM;
  *set = pmu().sets_made++;
  ++pmu().sets_left;
  mb::sets[*set] = {};
  return PAPI_OK;
}
int PAPI_add_named_event(int set, const char* event) {
  const Lock lock(mb::mutex);
  if (const auto found = pmu().refusals.find(event); found != pmu().refusals.end()) {
    return found->second;
  }
  if (!pmu().counts.contains(event)) return PAPI_ENOEVNT;
  if (mb::sets[set].size() == pmu().registers) return PAPI_ECNFLCT;
  mb::names.emplace_back(event);
  mb::sets[set].push_back(static_cast<int>(mb::names.size()) - 1);
  return PAPI_OK;
}
int PAPI_start(int set) {
  return mb::fails("PAPI_start") || pmu().idle_ranks.contains(set) ? PAPI_EPERM : PAPI_OK;
}
int PAPI_stop(int set, long long* values) {
  const Lock lock(mb::mutex);
  if (mb::fails("PAPI_stop") || pmu().idle_ranks.contains(set)) return PAPI_EPERM;
  for (const int code : mb::sets[set]) {
    *values++ = pmu().counts.at(mb::names[static_cast<std::size_t>(code)]);
  }
  return PAPI_OK;
}
int PAPI_list_events(int set, int* codes, int* number) {
  const Lock lock(mb::mutex);
  if (mb::fails("PAPI_list_events")) return PAPI_EPERM;
  std::ranges::copy(mb::sets[set], codes);
  *number = static_cast<int>(mb::sets[set].size());
  return PAPI_OK;
}
int PAPI_event_code_to_name(int code, char* name) {
  const Lock lock(mb::mutex);
  if (mb::fails("PAPI_event_code_to_name")) return PAPI_EPERM;
  std::strcpy(name, mb::names[static_cast<std::size_t>(code)].c_str());
  return PAPI_OK;
}
int PAPI_cleanup_eventset(int) { return PAPI_OK; }
int PAPI_destroy_eventset(int* set) {
  const Lock lock(mb::mutex);
  if (*set != PAPI_NULL) --pmu().sets_left;
  *set = PAPI_NULL;
  return PAPI_OK;
}
}
