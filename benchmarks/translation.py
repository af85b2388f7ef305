"""Translation from German on Multi30k: BLEU by the time of training, and where the network looks.

    python benchmarks/translation.py                    an hour's training
    python benchmarks/translation.py --minutes 6        shorter; judged on the way at 1, 3 and 6
    python benchmarks/translation.py --network attention    another of the built-in networks
    python benchmarks/translation.py --report           only write the page again

`Translator(network).fit(minutes=)` as it stands, on 29,000 pairs, compilation and validation within
the minutes. The 1,000 sentences of test_2016_flickr are translated with a beam of 4, and judged by
sacreBLEU on the texts as they are (case and marks count). The weights that were there at a sixth
and a half of the time are judged behind the training, so that judging takes none of its time; the
learning rate had not fallen by then, so that a training of that length would have reached more. At
the end it is the weights of the best validation that are judged. The test decides nothing.

Data: `python tools/fill_cache.py multi30k`, or fetched at first use. BLEU needs
`pip install 'descend[translation]'`. Results: translation.json, translation.md,
translation_attention.png; networks are added to what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from machine import machine, versions

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PACKAGES = ("jax", "jaxlib", "numpy", "sacrebleu")
AIM = 33.0  # BLEU, of a network with attention of at most so many weights:
MOST = 5_000_000
SHARES = (1 / 6, 1 / 2)  # of the time, when it is looked at on the way
DRAWN = 10  # sentences whose attention is drawn
# bentrevett/pytorch-seq2seq, ten epochs, in its own tokens and lower case
PUBLISHED = (
    ("recurrent with attention and masks", 28.1),
    ("convolutional", 34.1),
    ("transformer", 36.5),
)


def trained(name: str, minutes: float) -> tuple[Any, dict[str, Any]]:
    """The translator, and what it reached."""
    from descend.data.translations import multi30k
    from descend.text import Translator
    from descend.train.callbacks import Callback

    class Watch(Callback):
        """The curve, and the weights at some times."""

        def on_train_begin(self, logs: Any = None) -> None:
            self.began = time.perf_counter()
            self.curve: list[tuple[float, float, float]] = []
            self.weights: dict[float, Any] = {}

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seconds = time.perf_counter() - self.began
            self.curve.append((seconds, logs["loss"], logs["val_loss"]))
            for share in SHARES:
                if share not in self.weights and seconds >= 60 * share * minutes:
                    state = self.run.state
                    self.weights[share] = (seconds, state.params, state.layers)

    data = multi30k("de", "en")
    watch = Watch()
    translator = Translator(name).fit(
        *data["train"], validation=tuple(data["val"]), minutes=minutes, callbacks=[watch], verbose=1
    )
    best = translator.model.current_weights()
    test = data["test_2016_flickr"]
    points = []
    for seconds, *weights in [*watch.weights.values(), (translator.seconds, *best)]:
        translator.model.take_weights(*weights)
        score = translator.score(*test, bleu=True)
        points.append({"seconds": seconds, "bleu": score.bleu, "nats": score.nats})
    began = time.perf_counter()
    said = translator.translate(test.sources)
    passes = len(watch.curve) / 4
    return translator, {
        "minutes": minutes,
        "weights": translator.weights,
        "tokens": list(translator.languages.sizes),
        "points": points,
        "signature": score.signature,
        "curve": watch.curve,
        "passes": passes,
        "translating": time.perf_counter() - began,
        "examples": [
            [test.sources[i], said[i], test.targets[i]] for i in range(0, 1000, 1000 // DRAWN)
        ],
    }


def draw(translator: Any, sentences: list[str], path: Path) -> None:
    """Where the network looks, for ten sentences and its own translations."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 5.2 * len(sentences) / 2), layout="constrained")
    for ax, text in zip(figure.subplots(len(sentences) // 2, 2).flat, sentences, strict=True):
        translator.attention(text).plot(ax)
        ax.tick_params(labelsize=7)
    figure.savefig(path, dpi=80)


def page(results: dict[str, Any]) -> str:
    """What was measured, as Markdown."""
    lines = [
        "# Translation: Multi30k, German to English",
        "",
        "Written by `python benchmarks/translation.py`; do not edit. BLEU of the 1,000 sentences "
        "of test_2016_flickr by sacreBLEU, a beam of 4; nats a token given the true tokens before "
        "it. On the way the learning rate had not fallen yet.",
        "",
        "| network | weights | after | BLEU | nats a token |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found in results["networks"].items():
        for point in found["points"]:
            lines.append(
                f"| {name} | {found['weights']:,} | {point['seconds'] / 60:.0f} min | "
                f"{point['bleu']:.1f} | {point['nats']:.3f} |"
            )
    lines += [f"| {name} (published) | | 10 passes | {bleu} | |" for name, bleu in PUBLISHED]
    lines.append("")
    for name, found in results["networks"].items():
        last = found["points"][-1]
        if name != "recurrent":
            small, long = found["weights"] <= MOST, found["minutes"] <= 60
            met = "met" if last["bleu"] >= AIM and small and long else "**not met**"
            lines.append(
                f"Aim, {name}: BLEU of {AIM:g} with at most {MOST:,} weights within an hour: {met}."
            )
        at = found["machine"]
        used = ", ".join(f"{n} {v}" for n, v in found["versions"].items())
        lines += [
            f"{found['passes']:.0f} passes over 29,000 pairs; the test translated in "
            f"{found['translating']:.0f} s. {found['signature']}. *{at['cores']} cores "
            f"({at['cpu']}), load before {found['load']}; {used}.*",
            "",
        ]
        lines += [
            f"## What the {name} says",
            "",
            "| German | translation | reference |",
            "|---|---|---|",
            *("| " + " | ".join(row) + " |" for row in found["examples"]),
            "",
        ]
    if "transformer" in results["networks"]:
        lines += [
            "## Where the transformer looks",
            "",
            "The mean over layers and heads, for these sentences and its own translations.",
            "",
            "![Weights of attention for ten sentences](translation_attention.png)",
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Train, judge, draw; write JSON and page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--network", default="transformer")
    parser.add_argument("--report", action="store_true")
    asked = parser.parse_args()
    path = RESULTS / "translation.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"networks": {}}
    if not asked.report:
        load = f"{os.getloadavg()[0]:.2f}"
        translator, found = trained(asked.network, asked.minutes)
        found |= {"machine": machine(), "versions": versions(*PACKAGES), "load": load}
        results["networks"][asked.network] = found
        path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if asked.network == "transformer":
            sentences = [row[0] for row in found["examples"]]
            draw(translator, sentences, RESULTS / "translation_attention.png")
    path.with_suffix(".md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
