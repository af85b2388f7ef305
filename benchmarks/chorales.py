"""Bach's chorales in quarters, the published split: `python benchmarks/chorales.py`.

    --seeds 2      networks of a kind
    --again        measure anew what has been measured
    --report       only write the page from what has been measured

Nats a step on the 77 test pieces, in the meanings of the papers: of the notes that sound together,
told one after another (`descend.music`), and of 88 independent keys, as in TCN's table; beside
counting, and frequencies alone. Each kind is written to results/chorales.json as it is measured.
Data: `python tools/fill_cache.py chorales`, or fetched at first use.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, versions

from descend import LSTM, Dense, EarlyStopping, Input, Model
from descend.files import write_atomically
from descend.music import Chorales, MusicModel, chorales, copied_bars, key_nats
from descend.music.scores import roll
from descend.nn.layers import Masking
from descend.train.engine.runtime import prepare
from descend.train.rules import Adam

RESULTS = Path(__file__).resolve().parent / "results" / "chorales.json"
# model, meaning, nats a step, where
PUBLISHED = (
    ("LSTM", "independent keys, first step given", 8.45, "Bai, Kolter and Koltun 2018, table 1"),
    ("TCN", "independent keys, first step given", 8.10, "Bai, Kolter and Koltun 2018, table 1"),
    ("RNN-RBM", "joint", 6.27, "Boulanger-Lewandowski et al. 2012"),
    ("RNN-NADE", "joint", 5.56, "Boulanger-Lewandowski et al. 2012"),
)
WRITTEN = 20  # pieces of 64 steps that are written, to see what is copied


def frequencies(data: Chorales, seed: int) -> dict[str, Any]:
    """88 keys, each with the share of steps at which it sounds."""
    told = [key_nats(data.train, data.test, first_step=first) for first in (True, False)]
    return {"meaning": "independent keys", "nats_a_step": told[0], "without_first": told[1]}


def independent(data: Chorales, seed: int) -> dict[str, Any]:
    """An LSTM of 150 units that tells each key of the next step by itself, as in TCN's table."""
    parts = [_rolls(part) for part in (data.train, data.validation, data.test)]
    x = Input((None, 89))
    h = LSTM(150, return_sequences=True)(Masking()(x))
    model = Model(x, Dense(88, "sigmoid")(h), seed=seed)
    model.compile(Adam(0.003, clipnorm=1.0), "binary_crossentropy")
    began = time.perf_counter()
    history = model.fit(
        parts[0][0],
        parts[0][1],
        batch_size=16,
        epochs=120,
        validation_data=parts[1][:2],
        callbacks=[EarlyStopping("val_loss", patience=10, restore_best_weights=True)],
        seed=seed,
        verbose=0,
    )
    seconds = time.perf_counter() - began
    asked, told, real = parts[2]
    p = np.clip(np.asarray(model.predict(asked), np.float64), 1e-7, 1 - 1e-7)
    nats = -(told * np.log(p) + (1 - told) * np.log1p(-p)).sum(axis=-1)
    return {
        "meaning": "independent keys, first step given",
        "nats_a_step": float(nats[real].mean()),
        "by_piece": float(np.mean([row[r].mean() for row, r in zip(nats, real, strict=True)])),
        "weights": model.count_params(),
        "epochs": len(history.history["loss"]),
        "seconds": seconds,
    }


def _rolls(pieces: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is read (n, steps, 88 keys and a one), the keys that come next, and what is real."""
    longest = max(map(len, pieces)) - 1
    x = np.zeros((len(pieces), longest, 89), np.float32)
    y = np.zeros((len(pieces), longest, 88), np.float32)
    for i, piece in enumerate(pieces):
        keys = roll(piece)
        x[i, : len(piece) - 1, :88] = keys[:-1]
        x[i, : len(piece) - 1, 88] = 1  # a step where all voices rest is no padding
        y[i, : len(piece) - 1] = keys[1:]
    return x, y, x[..., 88] > 0


def joint(transpose: bool, **how: Any) -> Callable[[Chorales, int], dict[str, Any]]:
    """A language model over the voices."""

    def measured(data: Chorales, seed: int) -> dict[str, Any]:
        sizes = {k: how[k] for k in ("units", "layers", "dropout") if k in how}
        model = MusicModel("lstm", seed=seed, **sizes)
        began = time.perf_counter()
        model.fit(
            data.train,
            data.validation,
            transpose=transpose,
            passes=how["passes"],
            batch_size=how["rows"],
            learning_rate=0.02,
            verbose=0,
        )
        seconds = time.perf_counter() - began
        score = model.score(data.test)
        pieces = [model.generate(64, seed=s) for s in range(WRITTEN)]
        bars = [copied_bars(piece, data.train) for piece in pieces if len(piece) >= 4]
        return {
            "meaning": "joint (upper bound), all steps",
            "nats_a_step": score.nats_a_step,
            "without_first": score.without_first,
            "by_piece": score.by_piece,
            "end_of_piece": score.end_of_piece,
            "counted": score.counted,
            "order": score.order,
            "weights": model.language.weights,
            "seconds": seconds,
            "copied": float(np.concatenate(bars).mean()),
        }

    return measured


KINDS: dict[str, tuple[Callable[[Chorales, int], dict[str, Any]], bool]] = {
    "frequencies of keys": (frequencies, False),
    "LSTM 150, keys of the next step": (independent, True),
    "LSTM 128, voices one after another": (joint(False, passes=8, rows=8), True),
    "the same with transpositions": (joint(True, passes=5, rows=16), True),
}


def markdown(found: dict[str, Any]) -> str:
    """The results as a page."""
    at = found["machine"]
    lines = [
        "# Bach's chorales",
        "",
        "Written by `python benchmarks/chorales.py`; do not edit.",
        "",
        "Quarter notes, 229 / 76 / 77 pieces, 4,725 test steps; nats a step on the test pieces, "
        f"{_seeds(found)}. The best weights are those of the validation pieces. Meanings differ "
        "by more than models do:",
        "",
        "- *joint*: of the notes that sound together, all steps before known. Ours tells the "
        "voices one after another; a chord's text is one of several that would sound alike, so its "
        "nats are an upper bound on those of the chord. The end of a piece is not counted.",
        "- *independent keys*: 88 coins a step. What comes together cannot be told.",
        "- *first step given*: it is not asked for. Means are over all steps, as in the published "
        "code of the TCN; over pieces where a column says so. Of the published joint figures it "
        "could not be checked which of these they are.",
        "",
        "| | meaning | nats a step | first step given | mean of pieces | weights |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in found["kinds"].items():
        given = "without_first" if "without_first" in runs[0] else ""
        if "given" in runs[0]["meaning"]:
            given = "nats_a_step"
        weights = f"{runs[0]['weights']:,}" if "weights" in runs[0] else ""
        cells = [
            name,
            runs[0]["meaning"],
            _spread(runs, "nats_a_step") if given != "nats_a_step" else "",
            _spread(runs, given),
            _spread(runs, "by_piece"),
            weights,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    counted = [r for runs in found["kinds"].values() for r in runs if r.get("counted")]
    for size in sorted({round(r["counted"], 4) for r in counted}, reverse=True):
        order = counted[0]["order"]
        lines.append(
            f"| counting, Kneser-Ney {order}-grams of the same tokens | joint (upper bound), all "
            f"steps | {size:.2f} | | | |"
        )
    for name, meaning, nats, where in PUBLISHED:
        told = f" | {nats:.2f}" if "given" in meaning else f"{nats:.2f} | "
        lines.append(f"| {name} ({where}) | {meaning} | {told} | | |")
    lines += [
        "",
        "Counting is of the pieces that the network learned from, with or without transpositions.",
        "",
        "Bars of four quarters, in any key, that stand in a training piece: Bach's own test pieces "
        f"{found['copied_by_bach']:.0%}; {WRITTEN} pieces of 64 steps each written by "
        + "; ".join(
            f"*{name}* {np.mean([r['copied'] for r in runs]):.0%}"
            for name, runs in found["kinds"].items()
            if "copied" in runs[0]
        )
        + ".",
        "",
        f"*{found['date']}, {at['cpu']}, {at['cores']} cores, shared with others; "
        + ", ".join(f"{k} {v}" for k, v in found["versions"].items())
        + f". `{found['command']}`*",
        "",
    ]
    return "\n".join(lines)


def _seeds(found: dict[str, Any]) -> str:
    """How many networks of a kind there are, in words."""
    most = max(len(runs) for runs in found["kinds"].values())
    return "one network of a kind" if most == 1 else "mean and largest distance from it over seeds"


def _spread(runs: list[dict[str, Any]], key: str) -> str:
    values = [r[key] for r in runs if key in r]
    if not values:
        return ""
    mean = float(np.mean(values))
    if len(values) == 1:
        return f"{mean:.2f}"
    return f"{mean:.2f} ± {max(abs(v - mean) for v in values):.2f}"


def main(arguments: list[str] | None = None) -> None:
    """Measure what is not measured yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--report", action="store_true")
    asked = parser.parse_args(arguments)
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if not asked.report:
        prepare()
        data = chorales("quarter")
        found = {} if asked.again else found
        found |= {
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine(),
            "versions": versions("jax", "jaxlib", "numpy"),
            "command": f"python benchmarks/chorales.py --seeds {asked.seeds}",
        }
        if "copied_by_bach" not in found:
            bars = [copied_bars(piece, data.train) for piece in data.test]
            found["copied_by_bach"] = float(np.concatenate(bars).mean())
        kinds = found.setdefault("kinds", {})
        for name, (measure, by_seed) in KINDS.items():
            runs = kinds.setdefault(name, [])
            for seed in range(len(runs), asked.seeds if by_seed else 1):
                runs.append(measure(data, seed))
                print(name, seed, runs[-1], flush=True)
                write_atomically(RESULTS, (json.dumps(found, indent=1) + "\n").encode())
    write_atomically(RESULTS.with_suffix(".md"), markdown(found).encode())


if __name__ == "__main__":
    main()
