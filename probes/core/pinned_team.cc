// Names of the ways to synchronise, and the factory.
#include "probes/core/pinned_team.h"

#include <fmt/format.h>

#include "data/error.h"
#include "probes/core/team_base.h"

namespace mb {

std::string_view to_string(Sync sync) {
  switch (sync) {
    case Sync::kSpin:
      return "spin";
    case Sync::kFutex:
      return "futex";
    case Sync::kOpenMp:
      return "openmp";
  }
  return "spin";
}

Sync sync_from_string(std::string_view text) {
  if (text == "spin") return Sync::kSpin;
  if (text == "futex") return Sync::kFutex;
  if (text == "openmp" || text == "openmp_passive") return Sync::kOpenMp;
  throw Error(
      ErrorCode::kUsage,
      fmt::format("unknown sync '{}': expected spin, futex, openmp or openmp_passive", text));
}

std::unique_ptr<PinnedTeam> make_team(const std::vector<int>& pus, Sync sync,
                                      double patience_seconds) {
  switch (sync) {
    case Sync::kSpin:
      return make_spin_team(pus, patience_seconds);
    case Sync::kFutex:
      return make_futex_team(pus, patience_seconds);
    case Sync::kOpenMp:
      return make_openmp_team(pus, patience_seconds);
  }
  throw Error(ErrorCode::kUsage, "unknown sync");
}

}  // namespace mb
