// Wall-free time: a monotonic clock behind a seam, so that tests advance time by hand.
#pragma once
#include <sys/time.h>

#include <string>

namespace mb {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual double now_seconds() = 0;  // monotonic, arbitrary origin
  virtual void sleep_seconds(double seconds) = 0;
};

Clock& monotonic_clock();           // CLOCK_MONOTONIC; thread-safe
double clock_resolution_seconds();  // smallest step seen between two readings; measured once
double seconds_of(const timeval& time);
std::string utc_now();  // "2026-01-31T12:00:00Z", for documents only

}  // namespace mb
