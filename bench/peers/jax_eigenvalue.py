"""
The largest eigenvalue by JAX: a jitted jax.linearize of the gradient, under an economical Lanczos in NumPy. Modes: linearize, and
warm, for which XLA's compiled code is kept in a folder.
"""

from functools import cache

from eigenvalue import after_each, answer, arguments, last
from jax_threads import limit_threads

options = arguments()
limit_threads(options.threads)

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jax_llama import loss_function
from problem import Problem

MOST_PRODUCTS = 100


def largest_eigenvalues(product, size):
    """T's largest eigenvalue after each product; all vectors are orthogonalised against all others, twice."""
    vector = np.random.default_rng(options.seed).standard_normal(size, dtype=np.float32)
    basis = np.empty((MOST_PRODUCTS, size), np.float32)
    matrix = np.zeros((MOST_PRODUCTS + 1, MOST_PRODUCTS + 1))
    for step in range(MOST_PRODUCTS):
        basis[step] = vector / np.linalg.norm(vector)
        vector = product(basis[step])
        known = basis[: step + 1]
        coordinates = known @ vector
        vector = vector - coordinates @ known
        vector -= (known @ vector) @ known
        matrix[step, step] = coordinates[step]
        matrix[step, step + 1] = matrix[step + 1, step] = np.linalg.norm(vector)
        yield np.linalg.eigvalsh(matrix[: step + 1, : step + 1])[-1]


@cache
def prepare_product():
    if options.mode == "warm":
        jax.config.update("jax_compilation_cache_dir", str(options.kept))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    problem = Problem(options.problem)
    loss = loss_function(problem)
    # Weights are arguments: as constants of a jitted function they would be compiled into it.
    weights, parameters = jax.device_put((problem.weights, problem.parameters))
    flat, unravel = ravel_pytree(parameters)

    def gradient(parameters, weights):
        return ravel_pytree(jax.grad(loss)(unravel(parameters), weights))[0]

    linearize = jax.jit(lambda flat, weights: jax.linearize(lambda p: gradient(p, weights), flat)[1])
    apply = jax.jit(lambda product, direction: product(direction))
    linear = linearize(flat, weights)
    return lambda vector: np.asarray(apply(linear, vector)), flat.size


def prepare():
    product, size = prepare_product()
    return lambda setting: last(largest_eigenvalues(product, size), int(setting))


answer(options, prepare, lambda: after_each(largest_eigenvalues(*prepare_product()), MOST_PRODUCTS))
