// Writes the results document of a made-up machine with 192 CPUs: what report_bench reports on.
// Usage: write_wide FILE
#include <iostream>

#include "data/system/files.h"
#include "tests/reports/model/synthetic.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_wide FILE\n";
    return 2;
  }
  mb::synthetic::Laws laws;
  laws.cores = 96;
  laws.smt = 2;
  laws.l3_domains = 12;
  laws.bandwidth_all = 400e9;
  mb::write_file_atomically(argv[1], mb::to_json_text(mb::synthetic::results(laws)));
  return 0;
}
