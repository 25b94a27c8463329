# bash completion for memory_benchmark: commands, flags, the values of some; files for all else.
# Written by scripts/packages/write_texts.py.
_memory_benchmark() {
  local current="${COMP_WORDS[COMP_CWORD]}" before="" flags words="" i command=""
  ((COMP_CWORD > 0)) && before="${COMP_WORDS[COMP_CWORD - 1]}"
  for ((i = 1; i < COMP_CWORD; ++i)); do
    [[ "${COMP_WORDS[i]}" == -- ]] && return  # a command of the user's own follows
    [[ -z "$command" && $i -eq 1 && "${COMP_WORDS[i]}" != -* ]] && command="${COMP_WORDS[i]}"
  done
  case "$before" in
    --format) words="json csv markdown prometheus llama.cpp llama.cpp-env llama-bench llama-cpp-python llama-crab ollama ollama-request vllm pytorch openmp openvino onnxruntime rayon systemd docker docker-compose kubernetes numactl taskset slurm env shell" ;;
    --engine) words="generic llama.cpp-debian llama.cpp-openmp llama.cpp-threadpool pytorch-compiled pytorch-eager rayon" ;;
    --model) words="deepseek-v3 gemma-3-1b gemma-3-270m gpt-oss-20b llama-2-13b llama-2-70b llama-2-7b llama-3.1-8b llama-3.2-1b llama-3.2-3b mixtral-8x7b qwen2.5-1.5b qwen3-0.6b qwen3-1.7b qwen3-30b-a3b qwen3-4b qwen3-8b" ;;
    --preset) words="chat rag tool batch" ;;
  esac
  if [[ -n "$words" ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "$command" in
    run) flags="--budget --cloud-label --help --json --model --out --png-dir --quick --quiet --resume --sustain --threads" ;;
    shm) flags="--help --repeat" ;;
    probe) flags="--help --list" ;;
    inspect) flags="--context --help --json --list --tensors" ;;
    synthesize) flags="--help --json --out --seed" ;;
    predict) flags="--batch --context --engine --extrapolate --help --json --kv-type --model --new --prompt --threads" ;;
    recommend) flags="--batch --context --engine --format --gpu-bandwidth --gpu-memory --gpu-overhead --help --json --kv-type --levers --model --out --prompt --target --tolerance" ;;
    scenario) flags="--batch --context --engine --help --json --kv-type --model --phases --preset --tolerance" ;;
    report) flags="--help --html --json --model --png --png-dir" ;;
    compare) flags="--context --help --html --json --markdown --model --png --price --prompt --tolerance" ;;
    sweep) flags="--beside --chart --help --json --list-rules --model --order --out --parse --pin --read --repeat --resume --seed --set-env --set-flag --threads --timeout --unpinned --vary --warmup" ;;
    import) flags="--cores --cpus --help --json --model --out --phase --size" ;;
    validate) flags="--engine --help --json --model --tolerance" ;;
    calibrate) flags="--engine --help --json --model --out" ;;
    fit) flags="--help --json --points --priors --resamples --tolerance" ;;
    topology) flags="--check --cloud-label --help --json --results" ;;
    "") flags="--budget --cloud-label --help --json --model --out --png-dir --quick --quiet --resume --sustain --threads --version" ;;
    *) flags="" ;;
  esac
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "run shm probe inspect synthesize predict recommend scenario report compare sweep import validate calibrate fit topology help" -- "$current"))
  elif [[ "$command" == probe ]] && ((COMP_CWORD == 2)); then
    COMPREPLY=($(compgen -W "machine counters stream_bandwidth matmul_throughput cache_latency attention_kv dispatch_overhead decode_scaling prefill_scaling smt_interference core_to_core loaded_latency shm_bandwidth clock peak_compute" -- "$current"))
  fi
}
complete -o default -F _memory_benchmark memory_benchmark
