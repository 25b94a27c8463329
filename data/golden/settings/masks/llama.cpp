# Qwen2.5 1.5B, Q4_0: by memory_benchmark
# prefill: 12 threads, expect 730 tokens/s (657 to 788)
# decode: 5 threads, expect 50.5 tokens/s (45.5 to 54.6)
# -tb (prompt) inherits -t (generation) when it is left out; -tb has no environment variable.
# Left out, -t is the number of physical cores read from sysfs, blind to quotas and cpusets; zero or less means all logical CPUs.
# Older builds with OpenMP ignore CPU masks.
llama-server -m model.gguf -t 5 -tb 12 -Cr 0-4 --cpu-strict 1 -Crb 0-11 --cpu-strict-batch 1
