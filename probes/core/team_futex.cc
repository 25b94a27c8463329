// The sleeping team: ranks sleep on futexes between regions and at barriers, which is what pools
// built on mutex and condition variable pay.
#include "probes/core/team_threads.h"

namespace mb {
namespace {

struct FutexWaiting {
  static void publish(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    word.store(value, std::memory_order_seq_cst);
    futex_wake_all(word);
  }
  static void wake(std::atomic<std::uint32_t>& word) { futex_wake_all(word); }
  template <class Done>
  static bool wait(std::atomic<std::uint32_t>& word, double patience_seconds, Done done) {
    const double end = patience_seconds > 0 ? team_clock_seconds() + patience_seconds : 0;
    for (;;) {
      const std::uint32_t value = word.load(std::memory_order_acquire);
      if (done(value)) return true;
      const double left = end > 0 ? end - team_clock_seconds() : 0;
      if (end > 0 && left <= 0) return false;
      futex_wait(word, value, left);
    }
  }
};

}  // namespace

std::unique_ptr<PinnedTeam> make_futex_team(const std::vector<int>& pus, double patience_seconds) {
  return std::make_unique<ThreadTeam<FutexWaiting>>(pus, patience_seconds, 0);
}

}  // namespace mb
