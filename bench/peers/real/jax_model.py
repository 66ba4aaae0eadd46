"""A Llama's checkpoint in NumPy, and its loss with LoRA in JAX. Importing it loads XLA, which must have been told its threads before."""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np


def read_safetensors(path):
    """The tensors of a file by name, in float32; BF16 is the upper half of one."""
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        raw = data[start + first : start + end]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, {"F32": np.float32, "F16": np.float16, "F64": np.float64}[entry["dtype"]])
        tensors[name] = values.astype(np.float32).reshape(entry["shape"])
    return tensors


class Checkpoint:
    """config.json and all weights by name. Exits with a word if it is no plain Llama."""

    def __init__(self, folder):
        folder = Path(folder)
        self.config = json.loads((folder / "config.json").read_text())
        rope = self.config.get("rope_parameters") or self.config.get("rope_scaling") or {}
        plain = self.config["model_type"] == "llama" and rope.get("rope_type", "default") == "default"
        if not plain or self.config.get("attention_bias") or self.config.get("mlp_bias"):
            raise SystemExit("only a plain Llama is written in JAX here: no biases, no scaled positions")
        self.config.setdefault("rope_theta", rope.get("rope_theta", 10000.0))
        self.weights = {}
        for file in sorted(folder.glob("*.safetensors")):
            self.weights.update(read_safetensors(file))


def read_adapter(setting):
    """The adapter's tensors by the setting's names, and LoRA's scaling."""
    stored = read_safetensors(setting.folder / "adapter" / "adapter_model.safetensors")
    settings = json.loads((setting.folder / "adapter" / "adapter_config.json").read_text())
    return {name: stored["base_model.model." + name] for name in setting.names}, settings["lora_alpha"] / settings["r"]


def loss_function(config, scaling, inputs, labels):
    """The mean cross-entropy over scored tokens as a function of the adapter's tensors and of the weights."""
    heads = config["num_attention_heads"]
    key_heads = config.get("num_key_value_heads") or heads
    rows, length = inputs.shape
    targets = np.concatenate((labels[:, 1:], np.full((rows, 1), -100)), 1).reshape(-1)
    shares = (targets >= 0) / (targets >= 0).sum()
    # Pair i of position t turns by t theta^(-2i/size); pairs are (i, i + size/2), as transformers has them.
    size = config.get("head_dim") or config["hidden_size"] // heads
    angles = np.arange(length)[:, None] * config["rope_theta"] ** (-2 * np.arange(size // 2) / size)
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    # Rows are filled up on the right: what is scored sees nothing of that.
    mask = np.triu(np.full((length, length), -1e9, np.float32), 1)

    def rotate(x):
        first, second = jnp.split(x, 2, -1)
        return jnp.concatenate((first * cos - second * sin, second * cos + first * sin), -1)

    def loss(parameters, weights):
        def norm(x, name):
            return x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + config["rms_norm_eps"]) * weights[name]

        def linear(x, module):
            update = (x @ parameters[f"{module}.lora_A.weight"].T) * scaling
            return x @ weights[f"{module}.weight"].T + update @ parameters[f"{module}.lora_B.weight"].T

        def attention(x, block):
            def split(name, count):
                return linear(x, f"{block}.{name}").reshape(rows, length, count, size).transpose(0, 2, 1, 3)

            q, k, v = split("q_proj", heads), split("k_proj", key_heads), split("v_proj", key_heads)
            q, k, v = rotate(q), jnp.repeat(rotate(k), heads // key_heads, 1), jnp.repeat(v, heads // key_heads, 1)
            scores = q @ k.swapaxes(-1, -2) / math.sqrt(size) + mask
            mixed = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(rows * length, -1)
            return linear(mixed, f"{block}.o_proj")

        def swiglu(x, block):
            gate = jax.nn.silu(linear(x, f"{block}.gate_proj"))
            return linear(gate * linear(x, f"{block}.up_proj"), f"{block}.down_proj")

        x = weights["model.embed_tokens.weight"][inputs].reshape(rows * length, -1)
        for layer in range(config["num_hidden_layers"]):
            block = f"model.layers.{layer}"
            x = x + attention(norm(x, f"{block}.input_layernorm.weight"), f"{block}.self_attn")
            x = x + swiglu(norm(x, f"{block}.post_attention_layernorm.weight"), f"{block}.mlp")
        head = "lm_head.weight" if "lm_head.weight" in weights else "model.embed_tokens.weight"
        logits = norm(x, "model.norm.weight") @ weights[head].T
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), np.maximum(targets, 0)[:, None], -1)
        return -(chosen[:, 0] * shares.astype(np.float32)).sum()

    return loss
