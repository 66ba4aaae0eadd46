"""Loss, gradient and Hessian-vector product of a Llama with LoRA in PyTorch. Modes: eager, retained, func."""

import math

from problem import Problem, arguments, report

import torch
import torch.nn.functional as F

options = arguments()
torch.set_num_threads(options.threads)


def loss_function(problem):
    """The mean cross-entropy as a function of the adapter's tensors."""
    config = problem.config
    heads = config["num_attention_heads"]
    rows, length = problem.rows, problem.length
    weights = {name: torch.tensor(values) for name, values in problem.weights.items()}
    inputs = torch.tensor(problem.inputs).long()
    targets = torch.tensor(problem.targets).long().reshape(-1)
    cos, sin, mask = torch.tensor(problem.cos), torch.tensor(problem.sin), torch.tensor(problem.mask)

    def norm(x, name):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + config["rms_norm_eps"]) * weights[name]

    def rotate(x):
        first, second = x.chunk(2, -1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)

    def loss(parameters):
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
            return linear(F.silu(linear(x, f"{block}.gate_proj")) * linear(x, f"{block}.up_proj"), f"{block}.down_proj")

        x = F.embedding(inputs, weights["model.embed_tokens.weight"]).view(rows * length, -1)
        for layer in range(config["num_hidden_layers"]):
            block = f"model.layers.{layer}"
            x = x + attention(norm(x, f"{block}.input_layernorm.weight"), f"{block}.self_attn")
            x = x + swiglu(norm(x, f"{block}.post_attention_layernorm.weight"), f"{block}.mlp")
        logits = F.linear(norm(x, "model.norm.weight"), weights["lm_head.weight"])
        return F.cross_entropy(logits, targets)

    return loss


def prepare():
    problem = Problem(options.problem)
    loss = loss_function(problem)
    names = problem.names
    parameters = {name: torch.tensor(values, requires_grad=True) for name, values in problem.parameters.items()}
    leaves = list(parameters.values())
    direction = {name: torch.tensor(values) for name, values in problem.direction.items()}

    def forward():
        with torch.no_grad():
            return loss(parameters).item(), None

    def gradient():
        value = loss(parameters)
        return value.item(), dict(zip(names, torch.autograd.grad(value, leaves)))

    def differentiable_gradient():
        value = loss(parameters)
        return value, torch.autograd.grad(value, leaves, create_graph=True)

    def double_backward():
        value, gradients = differentiable_gradient()
        return value.item(), dict(zip(names, torch.autograd.grad(gradients, leaves, list(direction.values()))))

    if options.mode == "func":
        constants = {name: values.detach() for name, values in parameters.items()}
        return names, lambda: (None, torch.func.jvp(torch.func.grad(loss), (constants,), (direction,))[1])
    if options.mode == "retained":
        value, gradients = differentiable_gradient()
        directions = list(direction.values())

        def retained():
            return value.item(), dict(zip(names, torch.autograd.grad(gradients, leaves, directions, retain_graph=True)))

        return names, retained
    return names, {"forward": forward, "gradient": gradient, "product": double_backward}[options.quantity]


report(options, prepare, lambda tensor: tensor.numpy())
