# Qwen2.5 1.5B, Q4_0: by memory_benchmark
# prefill: 2 threads, expect 730 tokens/s (657 to 788)
# decode: 2 threads, expect 50.5 tokens/s (45.5 to 54.6)
# -tb (prompt) inherits -t (generation) when it is left out; -tb has no environment variable.
# Left out, -t is the number of physical cores read from sysfs, blind to quotas and cpusets; zero or less means all logical CPUs.
llama-server -m model.gguf -t 2 -tb 2
