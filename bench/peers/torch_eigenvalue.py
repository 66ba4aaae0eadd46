"""The largest eigenvalue by PyTorch. Modes: paper, pyhessian, hessian-eigenthings, curvlinops."""

from eigenvalue import after_each, answer, arguments, last

options = arguments()

import torch
import torch.nn.functional as F
from lanczos_vhp import largest_eigenvalues
from problem import Problem
from torch_llama import Llama, batch, loss_function

torch.set_num_threads(options.threads)
# No search of these came closer after more products than this.
MOST_PRODUCTS = 100


def seeded():
    torch.manual_seed(options.seed)


def parameters_of(problem):
    return [torch.tensor(problem.parameters[name], requires_grad=True) for name in problem.names]


def retained_product(problem):
    """The parameters, and products from a graph of the gradient that is kept: the quickest way to look for a setting."""
    parameters = parameters_of(problem)
    loss = loss_function(problem)(dict(zip(problem.names, parameters)))
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    return parameters, lambda vector: torch.autograd.grad(gradients, parameters, vector, retain_graph=True)


def flat_product(problem):
    """The same on flat vectors, with their size."""
    parameters, product = retained_product(problem)
    sizes, shapes = [p.numel() for p in parameters], [p.shape for p in parameters]

    def flat(vector):
        pieces = [piece.view(shape) for piece, shape in zip(vector.split(sizes), shapes)]
        return torch.cat([image.reshape(-1) for image in product(pieces)])

    return flat, sum(sizes)


class Paper:
    def prepare(self):
        problem = Problem(options.problem)
        parameters = tuple(parameters_of(problem))
        loss = loss_function(problem)

        def value(*tensors):
            return loss(dict(zip(problem.names, tensors)))

        def product(vector):
            return torch.autograd.functional.vhp(value, parameters, tuple(vector))[1]

        def search(setting):
            seeded()
            return last(largest_eigenvalues(product, parameters), int(setting))

        return search

    def attempts(self):
        parameters, product = retained_product(Problem(options.problem))
        seeded()
        return after_each(largest_eigenvalues(product, parameters), MOST_PRODUCTS)


class PyHessian:
    def prepare(self):
        hessian = self.hessian()

        def search(setting):
            seeded()
            values, _ = hessian.eigenvalues(maxIter=int(setting), tol=0)
            return values[0], int(setting)

        return search

    def attempts(self):
        return after_each(self.quotients(), 2 * MOST_PRODUCTS)

    def hessian(self):
        import pyhessian

        problem = Problem(options.problem)
        return pyhessian.hessian(Llama(problem), F.cross_entropy, data=batch(problem), cuda=False)

    def quotients(self):
        """What `eigenvalues` has after each product, which it does not tell."""
        from pyhessian.utils import group_product, hessian_vector_product, normalization

        hessian = self.hessian()
        seeded()
        vector = normalization([torch.randn(p.size()) for p in hessian.params])
        while True:
            image = hessian_vector_product(hessian.gradsH, hessian.params, vector)
            yield group_product(image, vector).item()
            vector = normalization(image)


class Eigenthings:
    def prepare(self):
        from hessian_eigenthings import HessianOperator, lanczos, supervised_loss

        problem = Problem(options.problem)
        operator = HessianOperator(Llama(problem), [batch(problem)], supervised_loss(F.cross_entropy))

        def search(setting):
            found = lanczos(operator, k=1, max_iter=int(setting), which="LA", seed=options.seed)
            return found.eigenvalues[0].item(), found.iterations

        return search

    def attempts(self):
        from hessian_eigenthings.algorithms.lanczos import lanczos_tridiagonal
        from hessian_eigenthings.operators.base import LambdaOperator

        product, size = flat_product(Problem(options.problem))
        start = torch.randn(size, generator=torch.Generator().manual_seed(options.seed))

        def leading():
            # It tells nothing until it ends: a short run shows what a long one has on its way.
            seen = 0
            for steps in (MOST_PRODUCTS // 4, MOST_PRODUCTS // 2, MOST_PRODUCTS):
                found = lanczos_tridiagonal(LambdaOperator(product, size), start, steps)
                matrix = torch.diag(found.alphas) + torch.diag(found.betas, 1) + torch.diag(found.betas, -1)
                for k in range(seen + 1, len(matrix) + 1):
                    yield torch.linalg.eigvalsh(matrix[:k, :k]).max().item()
                seen = len(matrix)

        return after_each(leading(), MOST_PRODUCTS)


class Curvlinops:
    """SciPy's eigsh as its documentation calls it, stopped by its tolerance."""

    def prepare(self):
        from curvlinops import HessianLinearOperator

        problem = Problem(options.problem)
        # PyTorch's own has no forward derivative of its gradient in the mode that curvlinops works in.
        model = Llama(problem, silu=lambda x: x * x.sigmoid())
        operator = HessianLinearOperator(
            model,
            torch.nn.CrossEntropyLoss(),
            list(model.parameters()),
            [batch(problem)],
            num_data=problem.rows,
            check_deterministic=False,
        )
        matrix = operator.to_scipy()
        return lambda setting: self.search(matrix.matvec, operator.shape[0], setting)

    def attempts(self):
        flat, size = flat_product(Problem(options.problem))
        product = lambda vector: flat(torch.from_numpy(vector.astype("float32"))).numpy()
        for tolerance in (0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5):
            yield tolerance, self.search(product, size, tolerance)[0]

    def search(self, product, size, tolerance):
        import numpy
        from scipy.sparse.linalg import LinearOperator, eigsh

        products = 0

        def counted(vector):
            nonlocal products
            products += 1
            return product(vector)

        start = numpy.random.default_rng(options.seed).standard_normal(size).astype("float32")
        matrix = LinearOperator((size, size), matvec=counted, dtype="float32")
        values = eigsh(matrix, k=1, which="LA", tol=tolerance, v0=start, return_eigenvectors=False)
        return values[0], products


peer = {"paper": Paper, "pyhessian": PyHessian, "hessian-eigenthings": Eigenthings, "curvlinops": Curvlinops}[options.mode]()
answer(options, peer.prepare, peer.attempts)
