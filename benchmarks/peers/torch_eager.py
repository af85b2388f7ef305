"""PyTorch, eager: the loop of a user who knows it (no DataLoader, no .item() in a step)."""

from __future__ import annotations

import contextlib
import itertools


def OPTIONS(work):
    if work.is_mlp:
        return {"optimizer": ["default", "foreach", "fused"]}
    return layouts(work) | {"optimizer": ["foreach", "fused"]}


def layouts(work):
    """What is to be chosen in a network of modules."""
    options = {"channels_last": [False, True]} if "Conv2D" in work.kinds else {}
    if "SelfAttention" in work.kinds:
        options["attention"] = ["packed", "module"]
    return options


def set_threads(n):
    import torch

    torch.set_num_threads(n)


def build(work, data, setting, held, *, rate=None, seed=0):
    import torch
    import torch.nn.functional as F
    from torch_network import arrange, network, trained

    torch.manual_seed(seed)
    x, y, vx, vy = (torch.from_numpy(data[name]) for name in ("x", "y", "vx", "vy"))
    x, vx = (arrange(work, rows, setting.get("channels_last")) for rows in (x, vx))
    model = network(work, setting)
    loss_of = F.mse_loss if work.loss == "mse" else F.cross_entropy
    way = {} if setting["optimizer"] == "default" else {setting["optimizer"]: True}
    optimizer = torch.optim.SGD(trained(model).values(), lr=rate or work.learning_rate, **way)

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

    fit.parameters = lambda: sum(p.numel() for p in trained(model).values())
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
