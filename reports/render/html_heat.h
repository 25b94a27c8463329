// Coloured tables: what goes between two CPUs or two NUMA nodes, each figure printed over a colour
// that says how large it is among the others.
#pragma once
#include <string>

#include "data/documents/results.h"

namespace mb::html {

// Empty where the document has no such points.
std::string handoff_table(const Results& results);
std::string node_tables(const Results& results);  // bandwidth, then latency

}  // namespace mb::html
