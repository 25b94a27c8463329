"""Small models of every architecture that `synthesize` offers, as Hugging Face configurations: the
published models' kinds of layers in widths that a test can write and load in a second."""
import json
import pathlib

# 24 layers: enough for every rule of the recipes that counts layers. 256 columns divide into
# K-quant blocks, 320 do not, so both the recipes and their fallbacks are met.
COMMON = {"num_hidden_layers": 24, "hidden_size": 256, "num_attention_heads": 8,
          "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 512, "vocab_size": 512,
          "max_position_embeddings": 4096}
EXPERTS = {"num_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 256}


def configurations():
    """Name -> config.json."""
    made = {
        "llama": {"model_type": "llama"},
        "llama-tied": {"model_type": "llama", "tie_word_embeddings": True},
        "llama-biases": {"model_type": "llama", "attention_bias": True},
        "llama-unshared": {"model_type": "llama", "num_key_value_heads": 8},
        "llama-80-layers": {"model_type": "llama", "num_hidden_layers": 80},
        "mistral": {"model_type": "mistral", "sliding_window": None},
        "mixtral": {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2},
        "qwen2": {"model_type": "qwen2"},
        "qwen2-moe": {"model_type": "qwen2_moe", "shared_expert_intermediate_size": 512} | EXPERTS,
        "qwen3": {"model_type": "qwen3", "tie_word_embeddings": True},
        "qwen3-moe": {"model_type": "qwen3_moe"} | EXPERTS,
        "gemma3": {"model_type": "gemma3_text", "sliding_window": 64, "sliding_window_pattern": 6},
        "phi3": {"model_type": "phi3"},
        "gpt-oss": {"model_type": "gpt_oss", "num_local_experts": 16, "num_experts_per_tok": 4,
                    "sliding_window": 64, "attention_bias": True,
                    "layer_types": ["sliding_attention", "full_attention"] * 12},
    }
    for name in ("llama", "qwen3", "gemma3", "gpt-oss", "mixtral"):
        made[name + "-320"] = made[name] | {"hidden_size": 320, "intermediate_size": 544}
    return {name: COMMON | config for name, config in made.items()}


def write(folder):
    """Writes FOLDER/NAME/config.json for each and returns their paths by name."""
    paths = {}
    for name, config in configurations().items():
        path = pathlib.Path(folder) / name / "config.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config))
        paths[name] = path
    return paths
