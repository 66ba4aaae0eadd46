"""transformers' half of a comparison of models; models.ts beside it is ours.

models.py DIR [SEED]: draws config variants of every family from a seed, writes each as a tiny random checkpoint into DIR, and what
transformers makes of the folder into DIR/losses.json; the fields of every config class into DIR/fields.json.
"""

import dataclasses
import json
import random
import sys
import warnings
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

warnings.filterwarnings("ignore")
logging.set_verbosity(logging.CRITICAL)
logging.disable_progress_bar()
torch.set_num_threads(1)

VARIANTS, LENGTH, VOCABULARY = 120, 40, 61
CLASSES = {
    "llama": "LlamaConfig",
    "qwen2": "Qwen2Config",
    "qwen3": "Qwen3Config",
    "mistral": "MistralConfig",
    "olmo2": "Olmo2Config",
    "phi3": "Phi3Config",
    "smollm3": "SmolLM3Config",
    "gemma3_text": "Gemma3TextConfig",
    "gpt2": "GPT2Config",
}
ACTIVATIONS = ["silu", "silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "swish", "mish"]
directory = Path(sys.argv[1])
draw = random.Random(sys.argv[2] if len(sys.argv) > 2 else "config variants")
ids = torch.tensor([[(7 * position * position + 3 * position + 1) % VOCABULARY for position in range(LENGTH)]])


def maybe(share, **values):
    """These values, in this share of the draws."""
    return values if draw.random() < share else {}


def rope_object(context):
    """What describes a rotary embedding, of any kind, with any of the optional keys."""
    kind = draw.choice(["default", "linear", "llama3", "llama3", "yarn", "yarn", "yarn", "dynamic", "longrope", "proportional"])
    name = draw.choice(["rope_type", "rope_type", "type"])
    rope = {name: kind, **maybe(0.5, rope_theta=draw.choice([50.0, 10000.0, 1e6]))}
    if name == "rope_type":
        rope.update(maybe(0.2, type=draw.choice(["linear", kind])))
    original = maybe(0.7, original_max_position_embeddings=draw.choice([8, 16, context // 2]))
    if kind in ("linear", "dynamic", "proportional"):
        rope.update(factor=draw.choice([2.0, 4, 2.5]))
    if kind == "llama3":
        rope.update(factor=8.0, low_freq_factor=1.0, high_freq_factor=draw.choice([4.0, 2.5]), **original)
    if kind == "yarn":
        rope.update(factor=draw.choice([4.0, 2, 1.5]), **original)
        rope.update(maybe(0.2, attention_factor=draw.choice([1.0, 0.7])))
        rope.update(maybe(0.2, beta_fast=draw.choice([4, 16.0])), **maybe(0.2, beta_slow=0.5))
        rope.update(maybe(0.2, mscale=0.707, mscale_all_dim=draw.choice([1.0, 0.5])), **maybe(0.2, truncate=False))
    if kind == "longrope":
        rope.update(short_factor=[1.0] * 4, long_factor=[2.0] * 4, factor=2.0, **original)
    return rope


def rope_fields(family, context):
    """The places where a config speaks of rotary embeddings, old and new, also at once."""
    fields = maybe(0.5, rope_theta=draw.choice([100.0, 5e5]))
    if family == "gemma3_text":
        if draw.random() < 0.5:
            inner = {name: rope_object(context) for name in ("full_attention", "sliding_attention") if draw.random() < 0.9}
            fields["rope_parameters"] = inner
        fields.update(maybe(0.5, rope_local_base_freq=draw.choice([30.0, 1e4])))
        return {**fields, **maybe(0.3, rope_scaling={"rope_type": "linear", "factor": 4.0})}
    fields.update(maybe(0.5, rope_parameters=rope_object(context)), **maybe(0.35, rope_scaling=rope_object(context)))
    return {**fields, **maybe(0.15, rope_scaling=draw.choice([None, {}])), **maybe(0.08, original_max_position_embeddings=12)}


def phi3_rope(config):
    """A share of each head, and LongRoPE under each of its names, with one factor for each pair that turns."""
    share = draw.choice([1.0, 0.75, 0.5])
    pairs = int(config["hidden_size"] // config["num_attention_heads"] * share) // 2
    factors = {name: [draw.uniform(1, 3) for _ in range(pairs)] for name in ("short_factor", "long_factor")}
    kind = draw.choice(["default", "longrope", "longrope", "su", "yarn"])
    rope = {draw.choice(["rope_type", "type"]): kind, **maybe(0.5, rope_theta=100.0)}
    if kind in ("longrope", "su", "yarn"):
        # Rows here have fewer positions: for longer ones all would turn by the other factors, which we refuse.
        rope.update(factors, **maybe(0.5, factor=4.0), **maybe(0.3, attention_factor=1.25))
        rope["original_max_position_embeddings"] = 48
    inside = draw.random() < 0.5
    return {
        draw.choice(["rope_scaling", "rope_parameters"]): {**rope, **({"partial_rotary_factor": share} if inside else {})},
        **({} if inside else {"partial_rotary_factor": share}),
        **maybe(0.7, original_max_position_embeddings=draw.choice([48, 64])),
    }


def rotary(family):
    heads, layers, context = draw.choice([2, 4]), draw.choice([2, 3, 4]), draw.choice([24, 64, 512])
    config = {
        **{"hidden_size": draw.choice([16, 32]), "intermediate_size": draw.choice([20, 24]), "num_hidden_layers": layers},
        **{"num_attention_heads": heads, "num_key_value_heads": draw.choice([1, 2, heads, heads])},
        **{"rms_norm_eps": draw.choice([1e-6, 1e-5, 1e-2])},
        **{"max_position_embeddings": context, "tie_word_embeddings": draw.random() < 0.5},
        **rope_fields(family, context),
    }
    key = "hidden_activation" if family == "gemma3_text" else "hidden_act"
    config.update(maybe(0.6, **{key: draw.choice(ACTIVATIONS)}))
    if family in ("gemma3_text", "qwen3") or draw.random() < 0.4:
        config["head_dim"] = draw.choice([8, 12, 16])
    if family in ("llama", "qwen3", "olmo2", "smollm3", "gemma3_text"):
        config.update(maybe(0.4, attention_bias=True))
    if family in ("llama", "smollm3"):
        config.update(maybe(0.4, mlp_bias=True))
    if family in ("qwen2", "qwen3", "smollm3"):
        config.update(maybe(0.7, use_sliding_window=draw.random() < 0.7, sliding_window=draw.choice([3, 7, None])))
        config.update(maybe(0.5, max_window_layers=draw.choice([0, 1, 28])))
    if family in ("qwen2", "qwen3", "smollm3", "gemma3_text") and draw.random() < 0.4:
        config["layer_types"] = [draw.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]
    if family == "smollm3":
        config.update(maybe(0.4, no_rope_layers=[draw.choice([0, 1]) for _ in range(layers)]))
        config.update(maybe(0.4, no_rope_layer_interval=draw.choice([2, 3])))
    if family == "phi3":
        for name in ("rope_scaling", "rope_parameters", "original_max_position_embeddings", "head_dim"):
            config.pop(name, None)
        config.update(**maybe(0.8, **phi3_rope(config)), **maybe(0.6, sliding_window=draw.choice([None, 4, 9])))
        config.update(maybe(0.3, resid_pdrop=0.1, embd_pdrop=0.1))
    if family == "mistral":
        config.update(maybe(0.7, sliding_window=draw.choice([None, 4, 9])))
    if family == "gemma3_text":
        config.update(sliding_window=draw.choice([4, 9]), query_pre_attn_scalar=draw.choice([8, 16, 256]))
        config.update(maybe(0.4, sliding_window_pattern=draw.choice([2, 3])))
        config.update(maybe(0.08, final_logit_softcapping=3.0), **maybe(0.08, attn_logit_softcapping=2.0))
    return {**config, **maybe(0.2, attention_dropout=0.1)}


def gpt2():
    return {
        **{"n_embd": draw.choice([16, 32]), "n_layer": draw.choice([2, 3]), "n_head": draw.choice([2, 4])},
        **{"n_positions": draw.choice([48, 64]), "layer_norm_epsilon": draw.choice([1e-5, 1e-2])},
        **maybe(0.5, n_inner=draw.choice([20, None])),
        **maybe(0.6, activation_function=draw.choice(ACTIVATIONS)),
        **maybe(0.3, scale_attn_weights=False),
        **maybe(0.4, scale_attn_by_inverse_layer_idx=True),
        **maybe(0.4, reorder_and_upcast_attn=True),
        **maybe(0.5, tie_word_embeddings=draw.random() < 0.5),
        **maybe(0.4, resid_pdrop=0.0, attn_pdrop=0.3),
        **maybe(0.3, n_ctx=1024),
    }


def extras():
    """What else lies in the files of the hub, and now and then what no class has."""
    return {
        **maybe(0.3, _name_or_path="somewhere", transformers_version="4.40.0", torch_dtype="bfloat16", use_cache=False),
        **maybe(0.2, pretraining_tp=2, initializer_range=0.5, max_length=20, top_k=3),
        **maybe(0.2, id2label={"0": "A"}, label2id={"A": 0}, task_specific_params={"text": {}}),
        **maybe(0.03, logit_scale=2.0),
        **maybe(0.03, is_causal=False),
        **maybe(0.03, partial_rotary_factor=0.5),
    }


def write_weights(config, folder, shape):
    """Random weights of every kind, under one of the names that transformers finds them by."""
    model = AutoModelForCausalLM.from_config(config)
    generator = torch.Generator().manual_seed(draw.randrange(2**31))
    for name, parameter in model.named_parameters():
        is_norm = parameter.dim() == 1 and name.endswith("weight") and config.model_type != "gemma3_text"
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data = (1.0 if is_norm else 0.0) + (0.4 if parameter.dim() == 2 else 0.3) * noise
    model.to(draw.choice([torch.float32, torch.float32, torch.bfloat16, torch.float16])).save_pretrained(folder)
    file = folder / "model.safetensors"
    tensors = load_file(file)
    embedding = "transformer.wte.weight" if config.model_type == "gpt2" else "model.embed_tokens.weight"
    if shape == "base":
        tensors = {name.removeprefix("model.").removeprefix("transformer."): value for name, value in tensors.items()}
    if shape == "head" and "lm_head.weight" not in tensors:
        tensors["lm_head.weight"] = tensors.pop(embedding)
    if shape == "own head":
        tensors["lm_head.weight"] = tensors[embedding].flip(0).contiguous()
    if shape == "other head":
        tensors["score.weight"] = torch.ones(2, 3)
    save_file(tensors, file, metadata={"format": "pt"})


def variant(name):
    family = draw.choice(list(CLASSES))
    values = {"model_type": family, "vocab_size": VOCABULARY, "pad_token_id": 0, **(gpt2() if family == "gpt2" else rotary(family)), **extras()}
    folder = directory / name
    folder.mkdir(parents=True)
    shape = draw.choice(["as it is", "as it is", "as it is", "base", "head", "own head", "other head"])
    (folder / "config.json").write_text(json.dumps(values))
    write_weights(AutoConfig.from_pretrained(folder), folder, shape)
    # Not as transformers writes it, with every field at its place, but as it was drawn.
    (folder / "config.json").write_text(json.dumps(values, indent=2))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = model(ids).logits
    return torch.nn.functional.cross_entropy(logits[0, :-1].double(), ids[0, 1:]).item()


def fields_of(name):
    return sorted(field.name for field in dataclasses.fields(getattr(transformers, name)))


losses, refused = {}, {}
while len(losses) < VARIANTS:
    name = f"{len(losses):03d}-{len(refused):03d}"
    try:
        losses[name] = variant(name)
    except Exception as error:  # Some draws are no model to transformers either.
        refused[name] = f"{type(error).__name__}: {str(error)[:200]}"
        if len(refused) > VARIANTS:
            sys.exit(f"too many draws are refused by transformers: {refused}")
(directory / "losses.json").write_text(json.dumps({"ids": ids[0].tolist(), "losses": losses, "refused": refused}, indent=1))
classes = {family: fields_of(name) for family, name in CLASSES.items()}
(directory / "fields.json").write_text(json.dumps(classes, indent=1))
print(f"{len(losses)} variants that transformers computes, {len(refused)} that it refuses")
