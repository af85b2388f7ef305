"""PyTorch at its best in a sweep: all networks as one, every kernel with a leading axis (bmm)."""

from __future__ import annotations

import contextlib
import functools
import itertools


def OPTIONS(work):
    return {"compiled": [False, True], "processes": [1, 2]}


def set_threads(n):
    import torch

    torch.set_num_threads(n)


def cost(params, xb, yb):
    import torch

    h = xb  # (networks, batch, inputs)
    last = len(params) - 2
    for i in range(0, len(params), 2):
        h = torch.baddbmm(params[i + 1], h, params[i])
        if i < last:
            h = torch.relu(h)
    own = ((h - yb) ** 2).mean(dim=(1, 2))
    return own.sum(), own  # the networks do not touch: the gradient of the sum is each one's own


def step(params, xb, yb, rates):
    import torch

    grads, (_, own) = torch.func.grad_and_value(cost, has_aux=True)(params, xb, yb)
    return [p - rates * g for p, g in zip(params, grads, strict=True)], own


@functools.cache
def compiled_step():
    import torch

    return torch.compile(step, fullgraph=True)


def train_many(work, data, setting, asked, epochs):
    """Train the networks of `asked`, pairs (rate, seed), as one; their last losses."""
    import torch

    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    k = len(asked)
    rates = torch.tensor([rate for rate, _ in asked]).reshape(k, 1, 1)
    params = []
    draws = [torch.Generator().manual_seed(seed) for _, seed in asked]
    for inputs, units in work.kernels:
        bound = inputs**-0.5  # as nn.Linear draws
        for shape in ((inputs, units), (1, units)):
            drawn = [torch.rand(shape, generator=g) * 2 * bound - bound for g in draws]
            params.append(torch.stack(drawn).requires_grad_(not setting["compiled"]))

    own = torch.zeros(k)
    for _ in range(epochs):
        order = torch.stack([torch.randperm(len(x), generator=g) for g in draws])
        xs, ys = x[order], y[order]  # (k, rows, ...)
        total = torch.zeros(k)
        for xb, yb in zip(xs.split(work.batch, 1), ys.split(work.batch, 1), strict=True):
            if setting["compiled"]:
                with torch.no_grad():
                    params, own = compiled_step()(params, xb, yb, rates)
            else:
                whole, own = cost(params, xb, yb)
                grads = torch.autograd.grad(whole, params)
                with torch.no_grad():
                    torch._foreach_addcmul_(params, grads, [-rates] * len(params))
            total += own.detach()
        own = total / work.steps
    return own.tolist()


_given: tuple = ()


def _receive(*given):
    global _given
    _given = given
    set_threads(1)


def _train_part(asked):
    work, data, setting = _given
    return train_many(work, data, setting, *asked)


@contextlib.contextmanager
def sweeper(work, data, setting):
    if setting["processes"] == 1:

        def alone(rates, seeds, epochs):
            return train_many(work, data, setting, list(itertools.product(rates, seeds)), epochs)

        yield alone
        return
    from multiprocessing import get_context

    with get_context("spawn").Pool(2, _receive, (work, data, setting)) as pool:

        def shared(rates, seeds, epochs):
            asked = list(itertools.product(rates, seeds))
            cut = len(asked) // 2
            parts = pool.map(
                _train_part, [(asked[:cut], epochs), (asked[cut:], epochs)], chunksize=1
            )
            return [loss for part in parts for loss in part]

        yield shared


def build(work, data, setting, held):
    """For the comparison of settings: a fit is the sweep of 64."""
    from workloads import SWEEP_RATES, SWEEP_SEEDS

    manager = sweeper(work, data, setting)
    train_all = manager.__enter__()

    def fit(epochs):
        return {"loss": train_all(SWEEP_RATES, SWEEP_SEEDS, epochs)[0]}

    fit.parameters = lambda: work.parameters  # drawn from its kernels
    fit.manager = manager  # keeps the processes until the fit goes
    return fit
