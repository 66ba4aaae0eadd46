"""Hessian-vector products by a jitted jax.linearize of the gradient of a plain Llama with LoRA. Mode: linearize."""

from setting import Setting, arguments, padded, peak_megabytes, repeated, report

options = arguments()

from jax_threads import limit_threads

limit_threads(options.threads)

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jax_model import Checkpoint, loss_function, read_adapter

setting = Setting(options)
checkpoint = Checkpoint(options.model)
adapter, scaling = read_adapter(setting)
inputs, labels, _ = map(np.array, padded(setting.batches(setting.rows)[0]))
loss = loss_function(checkpoint.config, scaling, inputs, labels)
# Weights are arguments: as constants of a jitted function they would be compiled into it.
weights, parameters = jax.device_put((checkpoint.weights, adapter))
direction = jax.device_put(dict(zip(setting.names, setting.direction())))


def value_and_gradient(parameters, weights):
    value, gradient = jax.value_and_grad(loss)(parameters, weights)
    return gradient, value


@jax.jit
def linearize(parameters, weights):
    _, product, value = jax.linearize(lambda p: value_and_gradient(p, weights), parameters, has_aux=True)
    return product, value


apply = jax.jit(lambda product, direction: product(direction))
linear, value = jax.block_until_ready(linearize(parameters, weights))
product, times = repeated(options, lambda: jax.block_until_ready(apply(linear, direction)))
np.concatenate([np.asarray(product[name]).ravel() for name in setting.names]).astype(np.float32).tofile(options.result)
report({"losses": [float(value)], **times, "peakMegabytes": peak_megabytes()})
