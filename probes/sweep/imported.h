// Measurements that others made, as documents: llama-bench's output in any format, two-column CSV,
// and the logs of the published /dev/shm script.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/results.h"
#include "data/documents/sweep.h"

namespace mb {

enum class ImportFormat { kLlamaBench, kCsv, kShmLog };
// By looks; nullopt: none of them.
std::optional<ImportFormat> import_format(std::string_view text);

struct ImportFile {
  std::string name, text;  // name: for labels, "q4_0"
};

// One document of all files; several files give labelled series. `phase`: of CSV, whose first
// column is a thread count and whose second tokens/s. Throws Error(kFailure) naming the file and
// line.
Sweep import_sweep(const std::vector<ImportFile>& files, const std::string& phase);

// Points of probe shm_bandwidth: eight files of `file_bytes`, bytes/s over the wall time ("real").
// Repeated sections become samples of one point. Throws Error(kFailure) naming the file.
Results import_shm_log(const ImportFile& file, std::int64_t file_bytes);

}  // namespace mb
