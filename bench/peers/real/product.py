"""Hessian-vector products by PyTorch: double backward through a graph of the gradient that is kept. Mode: retained."""

from setting import Setting, arguments, peak_megabytes, repeated, report

options = arguments()

import numpy as np
import torch
from peft_model import adapter_tensors, load_adapted, loss_of, tensors

setting = Setting(options)
# Fused attention has no second derivative.
model = load_adapted(options, setting, "eager")
leaves = adapter_tensors(model, setting)
direction = [torch.tensor(values) for values in setting.direction()]
loss = loss_of(model, tensors(setting.batches(setting.rows)[0]))
gradients = torch.autograd.grad(loss, leaves, create_graph=True)
product, times = repeated(options, lambda: torch.autograd.grad(gradients, leaves, direction, retain_graph=True))
np.concatenate([part.numpy().ravel() for part in product]).astype(np.float32).tofile(options.result)
report({"losses": [loss.item()], **times, "peakMegabytes": peak_megabytes()})
