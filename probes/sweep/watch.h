// What an engine's threads do while it runs, as people look with `ps -L`: name, state, CPU time and
// last CPU of every thread of a process and of its descendants.
#pragma once
#include <map>

#include "data/documents/sweep.h"
#include "data/system/files.h"

namespace mb {

class ThreadWatch {
 public:
  explicit ThreadWatch(HostFiles files = HostFiles(), double ticks_per_second = 100)
      : files_(std::move(files)), ticks_per_second_(ticks_per_second) {}

  // Reads the state of process `pid` and below; `seconds`: since it was started.
  void look(int pid, double seconds);

  // Sets threads, threads_spawned, threads_busy and threads_seen; none without a look.
  void report(SweepUsage& usage) const;

 private:
  struct Seen {
    SweepThread thread;
    double cpu_seconds = 0;
  };
  int look_at_process(int pid, int depth);  // threads of it and below

  HostFiles files_;
  double ticks_per_second_;
  std::map<int, Seen> threads_;  // by thread id
  int most_at_once_ = 0;
  double seconds_ = 0;
};

// The kernel's clock ticks a second, the unit of /proc/PID/stat.
double clock_ticks_per_second();

}  // namespace mb
