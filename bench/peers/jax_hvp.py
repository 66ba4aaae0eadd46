"""Loss, gradient and Hessian-vector product of a Llama with LoRA in JAX, all jitted. Modes: jit, linearize."""

from jax_threads import limit_threads
from problem import Problem, arguments, report

options = arguments()
limit_threads(options.threads)

import jax
from jax_llama import loss_function


def prepare():
    problem = Problem(options.problem)
    loss = loss_function(problem)
    # Weights are arguments: as constants of a jitted function they would be compiled into it.
    weights, parameters, direction = jax.device_put((problem.weights, problem.parameters, problem.direction))
    gradient_at = lambda weights: lambda parameters: jax.grad(loss)(parameters, weights)

    if options.mode == "linearize":
        linearize = jax.jit(lambda parameters, weights: jax.linearize(gradient_at(weights), parameters))
        apply = jax.jit(lambda product, direction: product(direction))
        _, product = linearize(parameters, weights)
        return problem.names, lambda: (None, jax.block_until_ready(apply(product, direction)))

    forward = jax.jit(loss)
    gradient = jax.jit(jax.value_and_grad(loss))
    product = jax.jit(lambda p, v, weights: jax.jvp(gradient_at(weights), (p,), (v,))[1])
    run = {
        "forward": lambda: (jax.block_until_ready(forward(parameters, weights)), None),
        "gradient": lambda: jax.block_until_ready(gradient(parameters, weights)),
        "product": lambda: (None, jax.block_until_ready(product(parameters, direction, weights))),
    }
    return problem.names, run[options.quantity]


report(options, prepare, lambda tensor: tensor.__array__())
