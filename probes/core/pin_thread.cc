// sched_setaffinity with the present PU remembered per thread: asking again is one comparison, so
// that it may stand at the start of every region.
#include "probes/core/pin_thread.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "data/error.h"

namespace mb {
namespace {

struct ThreadPin {
  int pu = -1;    // where pin_this_thread has put this thread; -1: nowhere
  int teams = 0;  // CallerMasks alive
  PuMask original;
};

ThreadPin& this_thread() {
  static thread_local ThreadPin pin;
  return pin;
}

}  // namespace

PuMask PuMask::of_this_thread() {
  PuMask mask;
  if (sched_getaffinity(0, sizeof mask.sets_, mask.sets_.data()) != 0) {
    throw Error(ErrorCode::kFailure,
                fmt::format("sched_getaffinity: {}; cannot tell which CPUs may be used",
                            std::strerror(errno)));
  }
  return mask;
}

PuMask PuMask::of_one(int pu) {
  PuMask mask;
  if (pu >= 0 && pu < kMostPus) {
    CPU_SET_S(static_cast<std::size_t>(pu), sizeof mask.sets_, mask.sets_.data());
  }
  return mask;
}

bool PuMask::has(int pu) const {
  return pu >= 0 && pu < kMostPus &&
         CPU_ISSET_S(static_cast<std::size_t>(pu), sizeof sets_, sets_.data());
}

bool PuMask::operator==(const PuMask& other) const {
  return CPU_EQUAL_S(sizeof sets_, sets_.data(), other.sets_.data());
}

bool this_thread_may_use_only(int pu) { return PuMask::of_this_thread() == PuMask::of_one(pu); }

void pin_this_thread(int pu) {
  ThreadPin& pin = this_thread();
  if (pin.pu == pu) return;
  const PuMask mask = PuMask::of_one(pu);
  if (sched_setaffinity(0, mask.bytes(), mask.data()) != 0) {
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("CPU {} cannot be used by this process (sched_setaffinity: {}); choose "
                            "CPUs inside its affinity mask and cpuset",
                            pu, std::strerror(errno)));
  }
  pin.pu = pu;
}

void pin_this_thread_anew(int pu) {
  this_thread().pu = -1;
  pin_this_thread(pu);
}

CallerMask::CallerMask() {
  ThreadPin& pin = this_thread();
  if (pin.teams == 0) pin.original = PuMask::of_this_thread();
  ++pin.teams;
}

CallerMask::~CallerMask() {
  ThreadPin& pin = this_thread();
  if (--pin.teams > 0) return;
  // A cpuset that shrank meanwhile makes this fail; the thread then stays where it is, which harms
  // nothing that a destructor could report.
  sched_setaffinity(0, pin.original.bytes(), pin.original.data());
  pin.pu = -1;
}

const PuMask& CallerMask::original() { return this_thread().original; }

}  // namespace mb
