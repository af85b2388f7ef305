"""A language model in PyTorch: run by benchmarks/language.py in a process of its own.

    python language_peer.py FOLDER MINUTES UNITS WIDTH ROWS LENGTH RATE

FOLDER holds train.npy and last.npy, whole numbers from 0; result.json is written there. The network
is that of descend's "lstm": embedding, LSTM, Dense; the same streams with their state carried on,
the same rate by the time, Adam. Every tokens of last.npy but the first is judged once, its state
carried from the first to the last.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

WARM, HOLD, LEAST = 0.02, 0.3, 0.01  # of descend/text/training.py


class Network(nn.Module):
    """Embedding, LSTM, one number a token."""

    def __init__(self, tokens: int, width: int, units: int):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.lstm = nn.LSTM(width, units, batch_first=True)
        self.next = nn.Linear(units, tokens)

    def forward(self, x, kept):
        """Logits, and the states after the last token."""
        h, kept = self.lstm(self.embedding(x), kept)
        return self.next(h), kept


def rate(share: float) -> float:
    """The learning rate as a part of the largest."""
    if share < WARM:
        return max(share / WARM, LEAST)
    return max(min(1.0, (1 - share) / (1 - HOLD)), LEAST)


@torch.inference_mode()
def judged(network: Network, ids: torch.Tensor, piece: int = 4096) -> float:
    """Nats a token, the whole text once."""
    total, kept = 0.0, None
    for at in range(0, len(ids) - 1, piece):
        part = ids[at : at + piece + 1]
        z, kept = network(part[None, :-1], kept)
        total += float(nn.functional.cross_entropy(z[0], part[1:], reduction="sum"))
    return total / (len(ids) - 1)


@torch.inference_mode()
def written(network: Network, count: int) -> None:
    """Draw tokens one after the other, each step a call."""
    x, kept = torch.zeros((1, 1), dtype=torch.long), None
    for _ in range(count):
        z, kept = network(x, kept)
        x = torch.multinomial(torch.softmax(z[:, -1], -1), 1)


def main(folder: str, minutes: str, units: str, width: str, rows: str, length: str, peak: str):
    """Train, judge on the way, write the result."""
    torch.manual_seed(0)
    train, last = (
        torch.from_numpy(np.load(Path(folder) / f"{name}.npy").astype(np.int64))
        for name in ("train", "last")
    )
    network = Network(int(train.max()) + 1, int(width), int(units))
    rule = torch.optim.Adam(network.parameters())
    part, k, limit = (len(train) - 1) // int(rows), int(length), 60 * float(minutes)
    starts = torch.arange(int(rows)) * part
    began, paused, curve, steps, kept = time.perf_counter(), 0.0, [], 0, None
    within, next_look = 0, limit / 12
    while (seconds := time.perf_counter() - began) < limit:
        if (within + 1) * k > part:
            within, kept = 0, None
        at = starts[:, None] + within * k + torch.arange(k + 1)[None]
        tokens = train[at]
        rule.param_groups[0]["lr"] = float(peak) * rate(seconds / limit)
        rule.zero_grad()
        z, kept = network(tokens[:, :-1], kept)
        kept = tuple(a.detach() for a in kept)
        nn.functional.cross_entropy(z.flatten(0, 1), tokens[:, 1:].flatten()).backward()
        rule.step()
        within, steps = within + 1, steps + 1
        if seconds > next_look:
            before = time.perf_counter()
            curve.append((seconds, judged(network, last[:16384])))
            paused += time.perf_counter() - before
            next_look += limit / 12
    seconds = time.perf_counter() - began
    before = time.perf_counter()
    written(network, 1000)
    writing = time.perf_counter() - before
    result = {
        "nats": judged(network, last),
        "curve": curve,
        "steps": steps,
        "seconds": seconds,
        "a step": (seconds - paused) / steps,
        "weights": sum(p.numel() for p in network.parameters()),
        "writing": [writing],
        "version": torch.__version__,
    }
    (Path(folder) / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
