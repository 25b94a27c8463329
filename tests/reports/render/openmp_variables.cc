// Starts the OpenMP runtime, so that OMP_DISPLAY_ENV shows what it made of its variables.
#include <omp.h>

int main() { return omp_get_max_threads() > 0 ? 0 : 1; }
