"""
The algorithm of Lee, Ko, Chen and Yeh, "Learning Rate Matters: Vanilla LoRA May Suffice for LLM Fine-tuning" (arXiv
2602.04998), as their published scripts run it: Lanczos on products by torch.autograd.functional.vhp, each vector orthogonalised
against its two predecessors and once against all.
"""

import torch


def largest_eigenvalues(product, parameters):
    """T's largest eigenvalue after each product, which takes and returns tensors of the shapes of the parameters."""

    def inner(xs, ys):
        return sum(torch.sum(x * y) for x, y in zip(xs, ys)).item()

    def minus(xs, factor, ys):
        return [x - factor * y for x, y in zip(xs, ys)]

    vector = [torch.randn_like(tensor) for tensor in parameters]
    length = inner(vector, vector) ** 0.5
    basis = [[x / (length + 1e-6) for x in vector]]
    diagonal, off_diagonal = [], []
    while True:
        image = product(basis[-1])
        diagonal.append(inner(basis[-1], image))
        image = minus(image, diagonal[-1], basis[-1])
        if off_diagonal:
            image = minus(image, off_diagonal[-1], basis[-2])
        for known in basis:
            image = minus(image, inner(image, known), known)
        matrix = torch.diag(torch.tensor(diagonal))
        if off_diagonal:
            beside = torch.tensor(off_diagonal)
            matrix = matrix + torch.diag(beside, 1) + torch.diag(beside, -1)
        yield torch.linalg.eigvalsh(matrix).max().item()
        length = inner(image, image) ** 0.5
        if length < 1e-6:
            return
        off_diagonal.append(length)
        basis.append([x / (length + 1e-6) for x in image])
