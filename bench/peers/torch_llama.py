"""A Llama with LoRA in PyTorch: as a function of the adapter's tensors, and as a module that holds them."""

import math

import torch
import torch.nn.functional as F


def logits_function(problem, silu=F.silu):
    """The logits [positions, vocabulary] as a function of the adapter's tensors by name and of the tokens [rows, length]."""
    config = problem.config
    heads = config["num_attention_heads"]
    rows, length = problem.rows, problem.length
    weights = {name: torch.tensor(values) for name, values in problem.weights.items()}
    cos, sin, mask = torch.tensor(problem.cos), torch.tensor(problem.sin), torch.tensor(problem.mask)

    def norm(x, name):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + config["rms_norm_eps"]) * weights[name]

    def rotate(x):
        first, second = x.chunk(2, -1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)

    def logits(parameters, inputs):
        def linear(x, module):
            update = F.linear(x, parameters[f"{module}.lora_A.weight"])
            update = F.linear(update * problem.scaling, parameters[f"{module}.lora_B.weight"])
            return F.linear(x, weights[f"{module}.weight"]) + update

        def attention(x, block):
            def split(name):
                return linear(x, f"{block}.{name}").view(rows, length, heads, -1).transpose(1, 2)

            q, k, v = rotate(split("q_proj")), rotate(split("k_proj")), split("v_proj")
            # Fused attention has no second derivative.
            scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask
            mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(rows * length, -1)
            return linear(mixed, f"{block}.o_proj")

        def swiglu(x, block):
            return linear(silu(linear(x, f"{block}.gate_proj")) * linear(x, f"{block}.up_proj"), f"{block}.down_proj")

        x = F.embedding(inputs, weights["model.embed_tokens.weight"]).view(rows * length, -1)
        for layer in range(config["num_hidden_layers"]):
            block = f"model.layers.{layer}"
            x = x + attention(norm(x, f"{block}.input_layernorm.weight"), f"{block}.self_attn")
            x = x + swiglu(norm(x, f"{block}.post_attention_layernorm.weight"), f"{block}.mlp")
        return F.linear(norm(x, "model.norm.weight"), weights["lm_head.weight"])

    return logits


def batch(problem):
    """The tokens [rows, length], and the one that each position predicts [positions]."""
    return torch.tensor(problem.inputs).long(), torch.tensor(problem.targets).long().reshape(-1)


def loss_function(problem):
    """The mean cross-entropy as a function of the adapter's tensors."""
    logits = logits_function(problem)
    inputs, targets = batch(problem)
    return lambda parameters: F.cross_entropy(logits(parameters, inputs), targets)


class Llama(torch.nn.Module):
    """Tokens to logits, with the adapter's tensors as its parameters, in the problem's order."""

    def __init__(self, problem, silu=F.silu):
        super().__init__()
        self.names = problem.names
        self.tensors = torch.nn.ParameterList([torch.tensor(problem.parameters[name]) for name in problem.names])
        self.logits = logits_function(problem, silu)

    def forward(self, inputs):
        return self.logits(dict(zip(self.names, self.tensors)), inputs)
