"""lambda_max by the searches of others (see ../../real/search.ts). Modes: paper, hessian-eigenthings."""

from setting import Setting, arguments, cpu_milliseconds, peak_megabytes, report, scored, since_start

options = arguments()

import torch
from peft_model import adapter_tensors, load_adapted, loss_of, tensors

# Nobody who is not there by then gets there in a time that matters.
MOST_PRODUCTS = 60

setting = Setting(options)
# Fused attention has no second derivative.
model = load_adapted(options, setting, "eager")
leaves = adapter_tensors(model, setting)
total = scored(setting.searched)
# Each batch with its part of all scored tokens.
batches = [(tensors(rows), scored(rows) / total) for rows in setting.batches(setting.searched)]
trace, losses = [], []


class Reached(Exception):
    """The value is close enough."""


def note(value):
    """Adds the value after one more product to the trace. Throws Reached if it is close enough."""
    products = len(trace) + 1
    times = {"milliseconds": since_start(options), "cpuMilliseconds": cpu_milliseconds()}
    trace.append({"value": value, "products": products, **times})
    if abs(value / options.truth - 1) <= options.tolerance or products == MOST_PRODUCTS:
        raise Reached


def paper():
    """The paper's Lanczos; products by torch.autograd.functional.vhp, batch by batch, as in its scripts."""
    from lanczos_vhp import largest_eigenvalues
    from torch.func import functional_call

    names = {id(values): name for name, values in model.named_parameters()}
    own = [names[id(values)] for values in leaves]

    def product(vector):
        images, loss = None, 0
        for batch, share in batches:

            def value(*values):
                given = dict(zip(own, values))
                return share * functional_call(model, given, kwargs={**batch, "use_cache": False}).loss

            part, image = torch.autograd.functional.vhp(value, tuple(leaves), tuple(vector))
            images = image if images is None else [x + y for x, y in zip(images, image)]
            loss += part.item()
        losses.append(loss)
        return images

    torch.manual_seed(0)
    for value in largest_eigenvalues(product, leaves):
        note(value)


def eigenthings():
    """Its HessianOperator under its own Lanczos, whose T is followed from outside: its `lanczos` says nothing until it ends."""
    from hessian_eigenthings import HessianOperator, lanczos_tridiagonal
    from hessian_eigenthings.operators.base import LambdaOperator

    parts = []

    def loss(model, batch):
        tokens, share = batch
        # It takes the mean over batches, whatever their numbers of tokens.
        part = loss_of(model, tokens) * (share * len(batches))
        parts.append(part.item() / len(batches))
        return part

    operator = HessianOperator(model, batches, loss)
    diagonal, beside, previous = [], [], None

    def followed(vector):
        nonlocal previous
        if previous is not None:
            beside.append(torch.dot(vector, previous))
        previous = operator.matvec(vector)
        losses.append(sum(parts[-len(batches) :]))
        diagonal.append(torch.dot(vector, previous))
        matrix = torch.diag(torch.stack(diagonal))
        if beside:
            edge = torch.stack(beside)
            matrix = matrix + torch.diag(edge, 1) + torch.diag(edge, -1)
        note(torch.linalg.eigvalsh(matrix).max().item())
        return previous

    start = torch.randn(operator.size, generator=torch.Generator().manual_seed(0))
    lanczos_tridiagonal(LambdaOperator(followed, operator.size), start, MOST_PRODUCTS)


setup = since_start(options)
try:
    {"paper": paper, "hessian-eigenthings": eigenthings}[options.mode]()
except Reached:
    pass
report({"loss": losses[0], "setupMilliseconds": setup, "trace": trace, "peakMegabytes": peak_megabytes()})
