// Threads instead of processes: what is timed is the kernel's copy, which is the same for both;
// RUSAGE_THREAD splits it into user and system time per worker, and no child can be left behind.
// A write takes the file's old pages away first, inside the timed part, as the shell's `>` does.
#include "probes/core/shm_log.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "data/error.h"
#include "data/system/child.h"
#include "data/system/clock.h"
#include "data/system/files.h"
#include "probes/core/arena.h"
#include "probes/core/limits.h"
#include "probes/core/shm_buffer.h"
#include "probes/core/sizes.h"

namespace mb {
namespace {

constexpr std::size_t kFiles = 8;
// What `cat` of coreutils reads at once.
constexpr std::size_t kBlockBytes = 128 * 1024;
// Of the memory budget; beyond it a neighbour's growth ends in an out-of-memory kill.
constexpr double kMemoryShare = 0.8;

constexpr std::string_view kHeading = "Measure time ";  // of every section, as published

enum class Work { kWrite, kRead, kRepeat };

struct Section {
  Work work;
  std::size_t workers;
};
constexpr std::size_t kWorkers[] = {1, 1, 2, 4, 8};  // the serial one twice, as published

struct Usage {
  double real = 0, user = 0, system = 0;
};

// One worker: one file (or the first once more), block by block through its own buffer.
class Worker {
 public:
  void run(const ShmBuffer& file, Work work) {
    // At a page, as cat's: 16 bytes past one, where malloc's large blocks start, some CPUs copy at
    // a fourth of the rate.
    const Buffer block(std::min(kBlockBytes, std::max<std::size_t>(file.size(), 1)),
                       PageKind::k4KiB);
    bool good = work != Work::kWrite || file.drop_pages(0, file.size());
    for (std::size_t at = 0; good && at < file.size() && !interrupt_requested();
         at += block.size()) {
      const std::size_t bytes = std::min(block.size(), file.size() - at);
      good = work == Work::kWrite ? file.write_at(at, block.data(), bytes)
                                  : file.read_at(at, block.data(), bytes);
    }
    error_ = good ? 0 : errno;
    rusage used{};
    getrusage(RUSAGE_THREAD, &used);
    user_seconds_ = seconds_of(used.ru_utime);
    system_seconds_ = seconds_of(used.ru_stime);
  }
  int error() const { return error_; }
  double user_seconds() const { return user_seconds_; }
  double system_seconds() const { return system_seconds_; }

 private:
  int error_ = 0;
  double user_seconds_ = 0, system_seconds_ = 0;
};

// All eight files, `workers` at a time; the next batch starts when the last one is done.
Usage run_section(const std::vector<ShmBuffer>& files, const Section& section) {
  Usage usage;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t first = 0; first < kFiles; first += section.workers) {
    std::vector<Worker> workers(section.workers);
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < workers.size(); ++i) {
        const ShmBuffer& file = files[section.work == Work::kRepeat ? 0 : first + i];
        threads.emplace_back(
            [&worker = workers[i], &file, &section] { worker.run(file, section.work); });
      }
    }
    for (const Worker& worker : workers) {
      if (worker.error() == ENOSPC || worker.error() == ENOMEM) {
        throw Error(
            ErrorCode::kNoResource,
            "/dev/shm filled up while the files were written: something else took the room; "
            "use a smaller size");
      }
      if (worker.error() != 0) {
        throw Error(ErrorCode::kFailure,
                    fmt::format("a file in /dev/shm: {}", std::strerror(worker.error())));
      }
      usage.user += worker.user_seconds();
      usage.system += worker.system_seconds();
    }
    if (interrupt_requested()) throw Error(ErrorCode::kInterrupted, "interrupted by a signal");
  }
  usage.real = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return usage;
}

std::string time_line(std::string_view name, double seconds) {
  const auto milliseconds = static_cast<std::int64_t>(seconds * 1000 + 0.5);
  return fmt::format("{}\t{}m{}.{:03}s\n", name, milliseconds / 60000, milliseconds / 1000 % 60,
                     milliseconds % 1000);
}

std::string section_text(const Section& section, const Usage& usage) {
  const char* work = section.work == Work::kWrite  ? "write files"
                     : section.work == Work::kRead ? "read files"
                                                   : "read single repeat";
  return fmt::format("{}{}, {} thread{}\n\n", kHeading, work, section.workers,
                     section.workers == 1 ? "" : "s") +
         time_line("real", usage.real) + time_line("user", usage.user) +
         time_line("sys", usage.system);
}

// The largest size in the words of the command line that `bytes` can hold.
std::string size_text(std::int64_t bytes) {
  if (bytes >= kMiB) return fmt::format("{}M", bytes / kMiB);
  return fmt::format("{}K", bytes / kKiB);
}

void require_room(const std::string& size, std::int64_t room_bytes) {
  const std::int64_t file_bytes = parse_shm_size(size);
  const auto files = static_cast<std::int64_t>(kFiles);
  if (file_bytes <= room_bytes / files) return;
  throw Error(
      ErrorCode::kNoResource,
      fmt::format("size {}: eight such files need {:.1f} MiB, /dev/shm and the memory budget "
                  "hold {:.1f} MiB; the largest that fits is {}",
                  size, static_cast<double>(file_bytes) * 8 / kMiB,
                  static_cast<double>(room_bytes) / kMiB, size_text(room_bytes / files)));
}

std::vector<std::string> sizes_of(const std::string& list) {
  std::vector<std::string> sizes;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = list.find(',', begin);
    sizes.push_back(list.substr(begin, end == std::string::npos ? end : end - begin));
    parse_shm_size(sizes.back());
    if (end == std::string::npos) return sizes;
    begin = end + 1;
  }
}

// The log as it grows: on disk and, piece by piece, to whoever watches.
class Log {
 public:
  explicit Log(const ShmLogRequest& request) : request_(request) {
    write_file_atomically(request_.log, text_);
  }
  void add(const std::string& piece) {
    text_ += piece;
    write_file_atomically(request_.log, text_);
    if (request_.on_section) request_.on_section(piece);
  }

 private:
  const ShmLogRequest& request_;
  std::string text_ = "\n";  // as the published logs begin
};

// Real seconds of every section of one size, by its heading's words; a value a repeat.
using RealSeconds = std::vector<std::pair<std::string, std::vector<double>>>;

void run_once(const std::string& size, Log& log, RealSeconds& seconds) {
  const auto file_bytes = static_cast<std::size_t>(parse_shm_size(size));
  std::vector<ShmBuffer> files;
  for (std::size_t i = 0; i < kFiles; ++i) files.emplace_back(file_bytes);
  std::size_t index = 0;
  for (const Work work : {Work::kWrite, Work::kRead, Work::kRepeat}) {
    for (const std::size_t workers : kWorkers) {
      const Section section{work, workers};
      const Usage usage = run_section(files, section);
      const std::string text = section_text(section, usage);
      const std::string words = text.substr(kHeading.size(), text.find('\n') - kHeading.size());
      if (index == seconds.size()) seconds.push_back({words, {}});
      seconds[index++].second.push_back(usage.real);
      log.add(text);
    }
  }
}

std::string spread_text(const std::string& size, RealSeconds seconds) {
  std::string text = fmt::format("\nSpread over {} repeats of size {}, real seconds\n\n",
                                 seconds.front().second.size(), size);
  for (auto& [section, values] : seconds) {
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    const double median =
        values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    text += fmt::format("{}: median {:.3f}, from {:.3f} to {:.3f}\n", section, median,
                        values.front(), values.back());
  }
  return text;
}

}  // namespace

std::int64_t parse_shm_size(std::string_view text) {
  std::int64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  const int shift = suffix.empty()  ? 0
                    : suffix == "K" ? 10
                    : suffix == "M" ? 20
                    : suffix == "G" ? 30
                    : suffix == "T" ? 40
                                    : -1;
  // Eight files of it must still be a 64-bit number.
  if (error != std::errc() || shift < 0 || number <= 0 || number > (INT64_MAX >> shift) / 8) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("size '{}': expected a positive whole number with K, M, G or T for KiB, "
                    "MiB, GiB or TiB, such as 64M or 1G",
                    text));
  }
  return number << shift;
}

void run_shm_log(const ShmLogRequest& request, std::int64_t room_bytes) {
  const std::vector<std::string> sizes = sizes_of(request.size);
  for (const std::string& size : sizes) require_room(size, room_bytes);
  Log log(request);
  const bool one = sizes.size() == 1 && request.repeats == 1;
  for (const std::string& size : sizes) {
    RealSeconds seconds;
    for (int repeat = 1; repeat <= request.repeats; ++repeat) {
      if (!one) {
        log.add(fmt::format("\nSize {}, repeat {} of {}\n\n", size, repeat, request.repeats));
      }
      run_once(size, log, seconds);
    }
    if (request.repeats > 1) log.add(spread_text(size, seconds));
  }
}

void run_shm_log(const ShmLogRequest& request) {
  sizes_of(request.size);  // a wrong size is told before anything about the machine
  const SystemFacts facts = read_system_facts();
  const Limits limits = read_limits(HostFiles(), facts, facts.affinity).limits;
  const auto memory = static_cast<double>(limits.memory_budget_bytes) * kMemoryShare;
  run_shm_log(request, std::min(shm_free_bytes(), static_cast<std::int64_t>(memory)));
}

}  // namespace mb
