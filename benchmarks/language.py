"""A language model of Shakespeare by characters, beside counting and the same network in PyTorch.

    python benchmarks/language.py                  all that is not measured yet, ten minutes each
    python benchmarks/language.py --minutes 2      shorter
    python benchmarks/language.py --only descend   one part: counting, descend, torch
    python benchmarks/language.py --torch PYTHON   the interpreter that has PyTorch
    python benchmarks/language.py --report         only write the page again

The last tenth of the text is judged, every character but its first once, given the true characters
before it; the rest is learned from. descend is `LanguageModel("characters").fit(minutes=)` as it
stands, in a process of its own, its compilation within the minutes; PyTorch the same network on the
same streams with the same rate by time. Both have all cores, one after the other.

Resumable: results/language.json holds what has been measured; the page is language.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, versions

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PACKAGES = ("jax", "jaxlib", "numpy")
ORDERS = (3, 5, 7)
AIM = 1.516  # nats of the 7-gram, of research/sequences.md
LENGTH = 1000  # characters that are written


def texts() -> tuple[str, str]:
    """The part that is learned from, and the last tenth."""
    from descend.data.texts import text_of

    text = text_of("tinyshakespeare")
    cut = int(0.9 * len(text))
    return text[:cut], text[cut:]


def counting() -> dict[str, Any]:
    """Scores and seconds of n-grams."""
    from descend.text import Characters, NGrams

    first, last = texts()
    tokens = Characters.learn(first + last)
    train, judged = tokens.encode(first) - 1, tokens.encode(last) - 1
    found = {}
    for order in ORDERS:
        began = time.perf_counter()
        grams = NGrams(order, len(tokens) - 1).fit(train)
        nats = float(-grams.log_probabilities(judged)[1:].mean())
        found[str(order)] = {"nats": nats, "seconds": time.perf_counter() - began}
    return found


def descend(minutes: float) -> dict[str, Any]:
    """What the language model reaches as it stands."""
    from descend.text import LanguageModel
    from descend.train.callbacks import Callback

    class Curve(Callback):
        def __init__(self) -> None:
            self.points: list[tuple[float, float]] = []
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.points.append((time.perf_counter() - self.began, logs["val_loss"]))

    first, last = texts()
    curve = Curve()
    began = time.perf_counter()
    lm = LanguageModel("characters").fit(
        first + last, minutes=minutes, callbacks=[curve], verbose=1
    )
    seconds = time.perf_counter() - began
    steps = int(np.round(curve_steps(lm)))
    writing = []
    for seed in range(2):
        began = time.perf_counter()
        written = lm.generate("\n", LENGTH, temperature=0.8, seed=seed)
        writing.append(time.perf_counter() - began)
    score = lm.score(last)
    (t0, _), (t1, _) = curve.points[0], curve.points[-1]
    return {
        "nats": score.nats,
        "counting": score.grams,
        "mixed": score.mixed,
        "curve": curve.points,
        "steps": steps * len(curve.points),
        "seconds": seconds,
        "a step": (t1 - t0) / (steps * max(len(curve.points) - 1, 1)),
        "weights": lm.weights,
        "writing": writing,
        "written": written.text,
        "copied": written.copied_tokens,
        "settings": {
            "units": lm.model.layers["lstm_0"].units,
            "width": lm.model.layers["embedding"].output_dim,
            "rows": fit_default("batch_size"),
            "length": lm.context,
            "rate": fit_default("learning_rate"),
        },
    }


def fit_default(name: str) -> Any:
    """What `LanguageModel.fit` takes where nothing is given."""
    import inspect

    from descend.text import LanguageModel

    return inspect.signature(LanguageModel.fit).parameters[name].default


def curve_steps(lm: Any) -> int:
    """Updates between two points of the curve."""
    from descend.text.learning import PARTS, STEPS

    a_pass = int(0.9 * 1_115_394) // fit_default("batch_size") // lm.context
    return min(-(-a_pass // PARTS), STEPS)


def torch(minutes: float, python: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The same network in PyTorch."""
    from descend.text import Characters

    first, last = texts()
    tokens = Characters.learn(first + last)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("train", first), ("last", last)):
            np.save(Path(folder) / f"{name}.npy", tokens.encode(text) - 1)
        order = ("units", "width", "rows", "length", "rate")
        arguments = [str(minutes), *(str(settings[name]) for name in order)]
        peer = HERE / "peers" / "language_peer.py"
        subprocess.run([python, str(peer), folder, *arguments], check=True)
        return json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))


def page(results: dict[str, Any]) -> str:
    """What was measured, as Markdown."""
    at, found = results["machine"], results
    minutes = results.get("minutes", 10)
    lines = [
        "# Shakespeare by characters, beside counting and PyTorch",
        "",
        f"Written by `python benchmarks/language.py`; do not edit. {at['cores']} cores "
        f"({at['cpu']}), load average before: {results.get('load', '?')}. Nats a character on the "
        "last tenth of 1,115,394 characters, every one but the first once, the true ones before "
        f"it given. Networks train for {minutes:g} minutes.",
        "",
        "| | nats | weights | seconds | updates | ms an update | 1,000 characters written, s |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for order, got in found.get("counting", {}).items():
        lines.append(
            f"| Kneser-Ney {order}-grams | {got['nats']:.3f} | | {got['seconds']:.1f} | | | |"
        )
    for name, label in (("descend", "descend, as it stands"), ("torch", "PyTorch, the same")):
        if (got := found.get(name)) is not None:
            writing = ", ".join(f"{s:.2f}" for s in got["writing"])
            lines.append(
                f"| {label} | {got['nats']:.3f} | {got['weights']:,} | {got['seconds']:.0f} | "
                f"{got['steps']:,} | {1000 * got['a step']:.1f} | {writing} |"
            )
            if "mixed" in got:
                lines.append(
                    f"| {label}, mixed evenly with the 7-grams | {got['mixed']:.3f} |{' |' * 5}"
                )
    if "descend" in found:
        got = found["descend"]
        lines += ["", f"Aim: below the 7-gram's {AIM} nats in ten minutes."]
        for name, nats in (("the network alone", got["nats"]), ("mixed evenly", got["mixed"])):
            met = "met" if nats < AIM else "**not met**"
            lines.append(f"{name}: {nats:.3f}, {met}.")
        if "torch" in found:
            ratio = found["torch"]["a step"] / got["a step"]
            met = "met" if ratio >= 1 else "**not met**"
            lines.append(f"Aim: updates a second not below PyTorch's: {ratio:.2f} times, {met}.")
        met = "met" if got["writing"][0] < 2 else "**not met**"
        lines.append(f"Aim: 1,000 characters in under 2 s, compilation included: {met}.")
        lines += [
            "",
            "## The curve",
            "",
            "On 16,384 characters of the last tenth, by seconds of training:",
            "",
            "| | " + " | ".join(f"{s:.0f} s" for s in marks(minutes)) + " |",
            "|---|" + "---:|" * len(marks(minutes)),
        ]
        for name in ("descend", "torch"):
            if name in found:
                points = np.asarray(found[name]["curve"])
                at_marks = np.interp(marks(minutes), points[:, 0], points[:, 1])
                lines.append(f"| {name} | " + " | ".join(f"{v:.3f}" for v in at_marks) + " |")
        lines += [
            "",
            f"## What it writes, at temperature 0.8 (longest copied run: {got['copied']})",
            "",
            "```text",
            *got["written"].strip().splitlines()[:30],
            "```",
        ]
    used = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines += ["", f"Versions: {used}.", ""]
    return "\n".join(lines)


def marks(minutes: float) -> np.ndarray:
    """Where the curve is shown, in seconds."""
    return 60 * minutes * np.array([0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0])


def main() -> None:
    """Measure what is asked for and not measured yet; write JSON and page after each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", choices=("counting", "descend", "torch"))
    parser.add_argument("--torch", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--report", action="store_true")
    asked = parser.parse_args()
    path = RESULTS / "language.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    parts = {
        "counting": counting,
        "descend": lambda: descend(asked.minutes),
        "torch": lambda: torch(asked.minutes, asked.torch, results["descend"]["settings"]),
    }
    for name, measure in parts.items():
        if asked.report or name in results or asked.only not in (None, name):
            continue
        results.setdefault("load", f"{os.getloadavg()[0]:.2f}")
        results |= {"machine": machine(), "versions": versions(*PACKAGES), "minutes": asked.minutes}
        results[name] = measure()
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
