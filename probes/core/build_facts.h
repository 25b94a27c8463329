// What this program was built from, for the results document.
#pragma once
#include "data/documents/results.h"

namespace mb {

// ISA targets are the kernels' business and are filled in by the probes that link them.
Build build_facts();

}  // namespace mb
