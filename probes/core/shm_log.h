// The published /dev/shm experiment (memory_benchmark.sh SIZE LOG): eight files of SIZE are
// written, read, and one of them read eight times over, by 1 (twice), 2, 4 and 8 workers at once;
// the log has its sections, each with the lines that bash's `time` prints.
//
// What differs, on purpose: the files have no names (nothing stays in /dev/shm), sizes are checked
// before the first byte, workers are threads with their own getrusage instead of processes, and a
// write is one copy from a private buffer where the script's goes through a pipe as well, so that
// our write times are shorter than a script's on the same machine; reads compare directly.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace mb {

// Several sizes or repeats follow one another in one log, each run below a line "Size 1G, repeat 2
// of 5"; at its end "Spread over 5 repeats" names the median, least and most real seconds of every
// section. A reader of published logs finds the same sections, more of them.
struct ShmLogRequest {
  std::string size;           // of one file: 64M, 1G, 512K or bytes; binary, as `head -c` takes it;
                              // or several, "1G,2G,4G"
  std::filesystem::path log;  // replaced; grows by whole sections
  std::function<void(std::string_view section)> on_section;  // each section's text; may be empty
  int repeats = 1;
};

// Throws Error: kUsage for a size that is none; kNoResource, naming the size that would fit, when
// eight files exceed /dev/shm or the memory budget (then the log is not touched); kInterrupted
// between two blocks after a signal.
void run_shm_log(const ShmLogRequest& request);

// The same within given limits, for tests: bytes that eight files may take together.
void run_shm_log(const ShmLogRequest& request, std::int64_t room_bytes);

// Bytes of "1G", "64M", "512K" (binary) or "4096". Throws Error(kUsage).
std::int64_t parse_shm_size(std::string_view text);

}  // namespace mb
