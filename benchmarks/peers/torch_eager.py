"""PyTorch, eager: the loop of a user who knows it (no DataLoader, no .item() in a step)."""

from __future__ import annotations

import contextlib
import itertools


def OPTIONS(work):
    return {"optimizer": ["default", "foreach", "fused"]}


def set_threads(n):
    import torch

    torch.set_num_threads(n)


def network(work):
    from torch import nn

    layers = []
    for inputs, units in work.kernels:
        layers += [nn.Linear(inputs, units), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def build(work, data, setting, held, *, rate=None, seed=0):
    import torch
    import torch.nn.functional as F

    torch.manual_seed(seed)
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    vx, vy = torch.from_numpy(data["vx"]), torch.from_numpy(data["vy"])
    model = network(work)
    loss_of = F.mse_loss if work.loss == "mse" else F.cross_entropy
    way = {} if setting["optimizer"] == "default" else {setting["optimizer"]: True}
    optimizer = torch.optim.SGD(model.parameters(), lr=rate or work.learning_rate, **way)

    def fit(epochs):
        logs = {}
        for _ in range(epochs):
            order = torch.randperm(len(x))
            total = torch.zeros(())
            for xb, yb in zip(x[order].split(work.batch), y[order].split(work.batch), strict=True):
                optimizer.zero_grad(set_to_none=True)
                loss = loss_of(model(xb), yb)
                loss.backward()
                optimizer.step()
                total += loss.detach()
            logs["loss"] = total.item() / work.steps
            if held:
                with torch.no_grad():
                    logs["val_loss"] = loss_of(model(vx), vy).item()
        return logs

    return fit


# -- the sweep: two processes of one thread each ----------------------------------------------

_given: tuple = ()


def _receive(*given):
    global _given
    _given = given
    set_threads(1)


def _train_one(asked):
    work, data, setting = _given
    rate, seed, epochs = asked
    return build(work, data, setting, False, rate=rate, seed=seed)(epochs)["loss"]


@contextlib.contextmanager
def sweeper(work, data, setting):
    from multiprocessing import get_context

    with get_context("spawn").Pool(2, _receive, (work, data, setting)) as pool:
        pool.map(_train_one, [(0.01, 0, 1)] * 4, chunksize=1)  # imported and warm

        def train_all(rates, seeds, epochs):
            asked = [(rate, seed, epochs) for rate, seed in itertools.product(rates, seeds)]
            return pool.map(_train_one, asked, chunksize=1)

        yield train_all
