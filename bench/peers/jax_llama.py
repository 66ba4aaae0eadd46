"""The loss of a Llama with LoRA in JAX. Importing it loads XLA, which must have been told its threads before."""

import math

import jax
import jax.numpy as jnp


def loss_function(problem):
    """The mean cross-entropy as a function of the adapter's tensors and of the weights."""
    config = problem.config
    heads = config["num_attention_heads"]
    rows, length = problem.rows, problem.length

    def rotate(x):
        first, second = jnp.split(x, 2, -1)
        cos, sin = problem.cos, problem.sin
        return jnp.concatenate((first * cos - second * sin, second * cos + first * sin), -1)

    def loss(parameters, weights):
        def norm(x, name):
            return x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + config["rms_norm_eps"]) * weights[name]

        def linear(x, module):
            update = (x @ parameters[f"{module}.lora_A.weight"].T) * problem.scaling
            return x @ weights[f"{module}.weight"].T + update @ parameters[f"{module}.lora_B.weight"].T

        def attention(x, block):
            def split(name):
                return linear(x, f"{block}.{name}").reshape(rows, length, heads, -1).transpose(0, 2, 1, 3)

            q, k, v = rotate(split("q_proj")), rotate(split("k_proj")), split("v_proj")
            scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]) + problem.mask
            mixed = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(rows * length, -1)
            return linear(mixed, f"{block}.o_proj")

        def swiglu(x, block):
            gate = jax.nn.silu(linear(x, f"{block}.gate_proj"))
            return linear(gate * linear(x, f"{block}.up_proj"), f"{block}.down_proj")

        x = weights["model.embed_tokens.weight"][problem.inputs].reshape(rows * length, -1)
        for layer in range(config["num_hidden_layers"]):
            block = f"model.layers.{layer}"
            x = x + attention(norm(x, f"{block}.input_layernorm.weight"), f"{block}.self_attn")
            x = x + swiglu(norm(x, f"{block}.post_attention_layernorm.weight"), f"{block}.mlp")
        logits = norm(x, "model.norm.weight") @ weights["lm_head.weight"].T
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), problem.targets.reshape(-1, 1), -1)
        return -chosen.mean()

    return loss
