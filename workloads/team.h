// The abstract team that steps run on: T ranks in one parallel region with a barrier. Steps know
// nothing of threads, pinning or OpenMP; probes/core implements it for each way of synchronising.
#pragma once
#include <type_traits>
#include <utility>

namespace mb {

// A borrowed callable, void(int rank): one pointer pair, no allocation in the timed region.
class RankFunction {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, RankFunction>)
      RankFunction(F&& f)  // NOLINT: implicit on purpose, as std::function_ref
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, int rank) {
          (*static_cast<std::remove_reference_t<F>*>(object))(rank);
        }) {}
  void operator()(int rank) const { call_(object_, rank); }

 private:
  void* object_;
  void (*call_)(void*, int);
};

class Team {
 public:
  virtual ~Team() = default;
  virtual int size() const = 0;
  // Runs body(rank) on every rank, returns when all have returned. Not reentrant; one caller.
  virtual void run(RankFunction body) = 0;
  // Inside a region, called by every rank: none goes on before all have come.
  virtual void barrier(int rank) = 0;
};

// The trivial team, for tests and scalar twins.
class SerialTeam final : public Team {
 public:
  int size() const override { return 1; }
  void run(RankFunction body) override { body(0); }
  void barrier(int) override {}
};

// Rows [first, second) of `count` that `rank` of `size` works on, in whole `grain`s.
inline std::pair<long, long> share_of(long count, int rank, int size, long grain = 1) {
  const long grains = (count + grain - 1) / grain;
  const long first = grains * rank / size * grain, last = grains * (rank + 1) / size * grain;
  return {first < count ? first : count, last < count ? last : count};
}

}  // namespace mb
