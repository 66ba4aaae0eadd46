"""Loss, gradient and Hessian-vector product of a Llama with LoRA in PyTorch. Modes: eager, retained, func."""

from problem import Problem, arguments, report
from torch_llama import loss_function

import torch

options = arguments()
torch.set_num_threads(options.threads)


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
