"""The backtest of sequences.py as a loop in PyTorch: `backtest_peer.py FORM THREADS < work.json`.

FORM is "eager" (torch.optim.Adam) or "compiled" (the whole update as one compiled function). The
last line printed is a JSON object: seconds, mean absolute error, version.
"""

from __future__ import annotations

import copy
import json
import math
import sys
import time

import numpy as np
import torch

LOOK = 50  # updates between two looks at the held-out windows


class Network(torch.nn.Module):
    """A hidden layer, and a linear map beside it; both end at zero."""

    def __init__(self, context: int, hidden: int, horizon: int):
        super().__init__()
        self.hidden = torch.nn.Linear(context, hidden)
        self.out = torch.nn.Linear(hidden, horizon)
        self.beside = torch.nn.Linear(context, horizon)
        torch.nn.init.xavier_uniform_(self.hidden.weight)
        for layer in (self.out, self.beside):
            torch.nn.init.zeros_(layer.weight)
        for layer in (self.hidden, self.out, self.beside):
            torch.nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.hidden(x))) + self.beside(x)


def windows(values: np.ndarray, context: int, horizon: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Every window on its own scale."""
    count = len(values) - context - horizon + 1
    rows = values[np.arange(count)[:, None] + np.arange(context + horizon)]
    past = rows[:, :context]
    scaled = (rows - past[:, -1:]) / past.std(axis=1, keepdims=True)
    scaled = torch.as_tensor(scaled, dtype=torch.float32)
    return scaled[:, :context], scaled[:, context:]


def compiled_update():
    """(weights, moments, count, rate, x, y) -> weights and moments after one update of Adam."""

    def cost(w, x, y):
        hidden = torch.relu(x @ w[0].T + w[1])
        return (hidden @ w[2].T + w[3] + x @ w[4].T + w[5] - y).abs().mean()

    gradient = torch.func.grad(cost)

    def update(w, m, v, count, rate, x, y):
        g = gradient(w, x, y)
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
        by, of = 1 - 0.9**count, 1 - 0.999**count
        w = [
            a - rate * (b / by) / ((c / of).sqrt() + 1e-7) for a, b, c in zip(w, m, v, strict=True)
        ]
        return w, m, v

    return torch.compile(update)


def fit(known: np.ndarray, work: dict, seed: int, update) -> Network:
    """One network, with the weights of its best look at the held-out windows."""
    context, horizon = work["context"], work["horizon"]
    torch.manual_seed(seed)
    network = Network(context, work["hidden"], horizon)
    x, y = windows(known, context, horizon)
    held = max(math.ceil(work["validation"] * len(known)), horizon)
    train = len(known) - held - context - horizon + 1
    first = len(known) - held - context
    check_x, check_y = x[first:], y[first:]
    draw = np.random.default_rng(seed)
    total, size = work["updates"], work["batch"]
    passes = -(-total * size // train)
    order = np.concatenate([draw.permutation(train) for _ in range(passes)])[: total * size]
    batches = torch.as_tensor(order.reshape(total, size))
    best, kept = math.inf, None
    optimizer = torch.optim.Adam(network.parameters(), lr=work["learning_rate"], eps=1e-7)
    w = [p.detach().clone() for p in network.parameters()]
    m, v = [torch.zeros_like(p) for p in w], [torch.zeros_like(p) for p in w]
    for step in range(total):
        rate = work["learning_rate"] * 0.5 * (1 + math.cos(math.pi * step / total))
        rows = batches[step]
        if update is None:
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            (network(x[rows]) - y[rows]).abs().mean().backward()
            optimizer.step()
        else:
            numbers = torch.tensor(float(step + 1)), torch.tensor(rate)
            w, m, v = update(w, m, v, *numbers, x[rows], y[rows])
        if (step + 1) % LOOK == 0:
            with torch.no_grad():
                if update is not None:
                    for parameter, value in zip(network.parameters(), w, strict=True):
                        parameter.copy_(value)
                found = float((network(check_x) - check_y).abs().mean())
            if found < best:
                best, kept = found, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return network


def main(form: str, threads: int) -> None:
    work = json.loads(sys.stdin.read())
    torch.set_num_threads(threads)
    values = np.asarray(work["values"], float)
    context, horizon, count = work["context"], work["horizon"], work["origins"]
    origins = len(values) - horizon - np.arange(count)[::-1]
    began = time.perf_counter()
    update = compiled_update() if form == "compiled" else None
    errors = []
    for origin in origins:
        past = values[origin - context : origin]
        inputs = torch.as_tensor((past - past[-1]) / past.std(), dtype=torch.float32)
        for seed in range(work["seeds"]):
            network = fit(values[:origin], work, seed, update)
            with torch.no_grad():
                ahead = past[-1] + past.std() * network(inputs[None])[0].double().numpy()
            errors.append(abs(ahead - values[origin : origin + horizon]).mean())
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {
                "seconds": seconds,
                "mae": float(np.mean(errors)),
                "version": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
