// Bandwidth of /dev/shm, where engines and their workers share buffers: writing new pages, reading,
// reading the same file again; through system calls (path read: read() and write() in blocks of
// 1 MiB) and through a mapping (path mmap); serial and parallel. Beside it, for comparison: private
// memory (path anonymous), and a file of an ordinary file system in the page cache, as weights are
// (paths file_mmap and file_read; reading only, since writing would time the disk).
//
// As in the published script the data are eight parts. An iteration of `write` renews one part, of
// `read` reads one part, always the next, so that a part comes back only after all others; every
// thread has a file of its own for its share of each part, because writes to one file exclude each
// other. `repeat_read`: all threads read the whole of one part, which is one file, again and again.
//
// New pages: a part's old pages are given back outside the timed part; allocating, clearing and
// mapping the new ones is inside. `read` and `repeat_read` by mmap keep their mapping, so that they
// show the memory and not the page faults. The files have no names and are kept for later points.
//
// Blocks start at a page, as those of cat and fio: large blocks of malloc start 16 bytes past one,
// where the kernel's `rep movsb` of some CPUs moves a fourth (on a Zen 3 guest 1.9 against 8 GB/s).
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "data/error.h"
#include "probes/core/arena.h"
#include "probes/core/probe.h"
#include "probes/core/shm_buffer.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/stream_read.h"
#include "workloads/kernels/stream_write.h"

namespace {

using mb::Error, mb::ErrorCode;

constexpr std::size_t kParts = 8;
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;  // stays in the L2 between calls
// Whole pages of any size that a tmpfs gives by default; holes are punched in whole pages.
constexpr std::size_t kPageBytes = std::size_t{64} << 10;

// From here on caches serve next to nothing: STREAM's rule.
constexpr std::int64_t kTimesLastLevelCache = 4;

enum class Operation { kWrite, kRead, kRepeatRead };

enum class Store { kShm, kAnonymous, kFile };

struct Path {
  std::string_view name;
  Store store;
  bool mapped;
};
constexpr Path kPaths[] = {{"read", Store::kShm, false},
                           {"mmap", Store::kShm, true},
                           {"anonymous", Store::kAnonymous, true},
                           {"file_read", Store::kFile, false},
                           {"file_mmap", Store::kFile, true}};

Path path_of(const std::string& name) {
  for (const Path& path : kPaths) {
    if (path.name == name) return path;
  }
  throw Error(
      ErrorCode::kUsage,
      fmt::format("path '{}': expected read, mmap, anonymous, file_read or file_mmap", name));
}

struct Request {
  Operation operation = Operation::kRead;
  Store store = Store::kShm;
  bool mapped = false;
  std::size_t part_bytes = 0;  // of one thread: its share of a part (repeat_read: the whole part)
  std::size_t threads = 1;
};

Request request_of(const mb::Parameters& parameters) {
  Request request;
  const std::string operation = parameters.text_or("operation", "read");
  const Path path = path_of(parameters.text_or("path", "read"));
  if (operation == "write") {
    request.operation = Operation::kWrite;
  } else if (operation == "repeat_read") {
    request.operation = Operation::kRepeatRead;
  } else if (operation != "read") {
    throw Error(ErrorCode::kUsage,
                fmt::format("operation '{}': expected write, read or repeat_read", operation));
  }
  if (path.store == Store::kFile && request.operation == Operation::kWrite) {
    throw Error(ErrorCode::kUsage,
                fmt::format("path {} is only read: writing would time the disk", path.name));
  }
  request.store = path.store;
  request.mapped = path.mapped;
  request.threads = static_cast<std::size_t>(parameters.number_or("threads", 1));
  const std::int64_t total = parameters.number_or("total_bytes", 0);
  const bool repeat = request.operation == Operation::kRepeatRead;
  const std::size_t share = static_cast<std::size_t>(std::max<std::int64_t>(total, 0)) / kParts /
                            (repeat ? 1 : request.threads);
  request.part_bytes = share / kPageBytes * kPageBytes;
  if (request.part_bytes == 0) {
    throw Error(ErrorCode::kUsage,
                fmt::format("total_bytes {}: expected at least {} for {} threads", total,
                            kParts * kPageBytes * request.threads, request.threads));
  }
  return request;
}

// Every word of every file at all times, so that a word that was not written (a zero) or not read
// shows in a sum.
constexpr std::uint64_t kContent = 0x5A5A5A5A5A5A5A5A;

// The files of a point, one a thread (repeat_read: one), kept while the next point wants the same.
class Files {
 public:
  // Throws Error(kNoResource) before the first byte when it is too much.
  void prepare(const Request& request, mb::Kit& kit, mb::PinnedTeam& team) {
    const bool repeat = request.operation == Operation::kRepeatRead;
    const std::size_t count = repeat ? 1 : request.threads;
    const std::size_t bytes = request.part_bytes * (repeat ? 1 : kParts);
    kit.require_memory(static_cast<std::int64_t>(bytes * count + kBlockBytes * request.threads));
    // Other threads are other owners, whose first touch puts pages on their own NUMA nodes.
    if (files_.size() == count && files_[0].size() == bytes && pus_ == team.pus() &&
        store_ == request.store) {
      return;
    }
    discard();
    std::vector<mb::ShmBuffer> files = make(request.store, count, bytes);
    team.run([&](int rank) {
      const auto index = static_cast<std::size_t>(rank);
      if (index >= count) return;
      mb::stream_write(reinterpret_cast<std::uint64_t*>(files[index].map()),
                       bytes / sizeof(std::uint64_t), kContent, 1);
    });
    files_ = std::move(files);
    pus_ = team.pus();
    store_ = request.store;
  }

  void discard() { files_.clear(); }

  mb::ShmBuffer& of(int rank) {
    return files_[files_.size() == 1 ? 0 : static_cast<std::size_t>(rank)];
  }

 private:
  static std::vector<mb::ShmBuffer> make(Store store, std::size_t count, std::size_t bytes) {
    const std::string folder = store == Store::kFile ? mb::ordinary_folder() : "/dev/shm";
    if (store != Store::kAnonymous) {
      const std::int64_t room = mb::shm_free_bytes(folder);
      if (static_cast<std::int64_t>(bytes * count) > room) {
        throw Error(ErrorCode::kNoResource,
                    fmt::format("needs {} MiB in {}, {} MiB are free: enlarge it (Docker: "
                                "--shm-size) or plan with a smaller total_bytes",
                                bytes * count >> 20, folder, room >> 20));
      }
    }
    std::vector<mb::ShmBuffer> files;
    for (std::size_t i = 0; i < count; ++i) {
      files.push_back(store == Store::kAnonymous ? mb::ShmBuffer::anonymous(bytes)
                                                 : mb::ShmBuffer(bytes, folder));
    }
    return files;
  }

  std::vector<mb::ShmBuffer> files_;
  std::vector<int> pus_;
  Store store_ = Store::kShm;
};

void require(bool good) {
  if (good) return;
  throw Error(ErrorCode::kNoResource,
              fmt::format("/dev/shm: {}; something else took its room", std::strerror(errno)));
}

class ShmCase final : public mb::Case {
 public:
  ShmCase(mb::PinnedTeam& team, Files& files, const Request& request)
      : team_(team), files_(files), request_(request), ranks_(request.threads) {
    quantity = "bandwidth";
    unit = mb::Unit::kBytesPerSecond;
    amount_per_iteration = static_cast<double>(request.part_bytes * request.threads);
    for (int rank = 0; rank < team.size(); ++rank) {
      of(rank).file = &files.of(rank);
      of(rank).mapping = files.of(rank).map();
    }
    const bool writes = request.operation == Operation::kWrite;
    team_.run([this, writes](int rank) {
      of(rank).block = mb::Buffer(kBlockBytes, mb::PageKind::k4KiB);
      std::fill_n(of(rank).block.as<std::uint64_t>(), kBlockBytes / sizeof(std::uint64_t),
                  writes ? kContent : 0);
      if (request_.mapped && !writes) {  // the mapping's own page faults, before the time counts
        mb::stream_read(words_at(rank, 0), of(rank).file->size() / sizeof(std::uint64_t), 1);
      }
    });
  }

  double seconds(std::uint64_t iterations) override {
    double sum = 0;
    for (std::uint64_t i = 0; i < iterations; ++i) {
      const bool repeat = request_.operation == Operation::kRepeatRead;
      sum += one_part(repeat ? 0 : parts_done_ % kParts * request_.part_bytes);
      ++parts_done_;
    }
    return sum;
  }

  void check() override {
    team_.run([this](int rank) {
      if (read_right(rank) && holds_content(rank)) return;
      throw Error(ErrorCode::kFailure,
                  fmt::format("thread {}: the memory does not give back what was written", rank));
    });
  }

 private:
  struct alignas(128) Rank {  // two lines: neighbours are fetched in pairs
    mb::ShmBuffer* file = nullptr;
    std::byte* mapping = nullptr;
    mb::Buffer block;
    std::uint64_t sum = 0;
  };

  Rank& of(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }

  std::uint64_t* words_at(int rank, std::size_t at) {
    return reinterpret_cast<std::uint64_t*>(of(rank).mapping + at);
  }

  double one_part(std::size_t at) {
    if (request_.operation != Operation::kWrite) {
      return team_.timed(
          [&](int rank) { request_.mapped ? read_mapped(rank, at) : read_blocks(rank, at); });
    }
    try {
      team_.run([&](int rank) { require(of(rank).file->drop_pages(at, request_.part_bytes)); });
      return team_.timed(
          [&](int rank) { request_.mapped ? write_mapped(rank, at) : write_blocks(rank, at); });
    } catch (...) {
      files_.discard();  // they may have holes, which no later point may touch
      throw;
    }
  }

  void write_mapped(int rank, std::size_t at) {
    require(of(rank).file->reserve(at, request_.part_bytes));  // else a full tmpfs is a SIGBUS
    mb::stream_write(words_at(rank, at), request_.part_bytes / sizeof(std::uint64_t), kContent, 1);
  }

  void read_mapped(int rank, std::size_t at) {
    of(rank).sum +=
        mb::stream_read(words_at(rank, at), request_.part_bytes / sizeof(std::uint64_t), 1);
  }

  void write_blocks(int rank, std::size_t at) {
    for_blocks(request_.part_bytes, [&](std::size_t done, std::size_t bytes) {
      require(of(rank).file->write_at(at + done, of(rank).block.data(), bytes));
    });
  }

  void read_blocks(int rank, std::size_t at) {
    for_blocks(request_.part_bytes, [&](std::size_t done, std::size_t bytes) {
      require(of(rank).file->read_at(at + done, of(rank).block.data(), bytes));
    });
  }

  template <class Block>
  static void for_blocks(std::size_t total, Block block) {
    for (std::size_t done = 0; done < total; done += kBlockBytes) {
      block(done, std::min(kBlockBytes, total - done));
    }
  }

  // What the timed part read: all words through the mapping, the last block through read().
  bool read_right(int rank) {
    const Rank& mine = of(rank);
    const std::size_t words = request_.part_bytes / sizeof(std::uint64_t);
    if (request_.operation == Operation::kWrite) return true;
    if (request_.mapped) return mine.sum == kContent * words * parts_done_;
    return parts_done_ == 0 || *mine.block.as<std::uint64_t>() == kContent;
  }

  bool holds_content(int rank) {
    std::uint64_t sum = 0;
    std::vector<std::uint64_t> block(kBlockBytes / sizeof(std::uint64_t));
    for_blocks(of(rank).file->size(), [&](std::size_t done, std::size_t bytes) {
      require(of(rank).file->read_at(done, block.data(), bytes));
      sum += mb::stream_read(block.data(), bytes / sizeof(std::uint64_t), 1);
    });
    return sum == kContent * (of(rank).file->size() / sizeof(std::uint64_t));
  }

  mb::PinnedTeam& team_;
  Files& files_;
  const Request request_;
  std::vector<Rank> ranks_;
  std::uint64_t parts_done_ = 0;
};

std::unique_ptr<mb::Case> prepare(const mb::PlannedPoint& point, mb::Kit& kit) {
  static Files files;
  const Request request = request_of(point.parameters);
  mb::PinnedTeam& team = kit.team(point.parameters);
  files.prepare(request, kit, team);
  auto measured = std::make_unique<ShmCase>(team, files, request);
  const bool repeat = request.operation == Operation::kRepeatRead;
  const std::size_t working_set = request.part_bytes * (repeat ? 1 : kParts * request.threads);
  measured->facts["working_set_bytes"] = static_cast<double>(working_set);
  if (static_cast<std::int64_t>(working_set) <
      kTimesLastLevelCache * kit.machine().last_level_cache_total_bytes()) {
    measured->notes["served_by"] = "memory and caches: under four times the last-level caches";
  }
  measured->notes["isa"] = mb::chosen_isa();
  measured->notes["shmem_thp_mode"] = kit.machine().shmem_thp_mode;
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  return mb::probe_main(argc, argv,
                        {"shm_bandwidth",
                         "Bytes per second of writing new pages to /dev/shm and of reading them, "
                         "through system calls and through a mapping, beside private memory and a "
                         "file in the page cache.",
                         prepare});
}
