"""Sentiment of 10,662 sentences beside counting words: `python benchmarks/sentiment.py`.

    --seeds 3         networks of a fold, which differ by seed and by validation rows; averaged
    --folds 10        how many of the ten folds
    --again           measure anew what has been measured
    --report          only write the page from what has been measured
    --quick           one fold, one seed, nothing written

All methods are trained on the same nine tenths and judged on the same tenth, and each tenth once.
What a method chooses (a penalty, an epoch) it chooses on rows of the nine tenths. Resumable: a fold
is written to results/sentiment.json as it comes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from machine import machine, versions

from descend.data.sentences import load_reviews
from descend.files import write_atomically

RESULTS = Path(__file__).resolve().parent / "results" / "sentiment.json"
FOLDS, SPLIT_SEED = 10, 0
STRENGTHS = {"bag of words": (1.0, 3.0, 10.0), "NBSVM": (0.03, 0.1, 0.3)}  # C of scikit-learn
HELD_OUT = 0.1  # of the nine tenths, to choose by
INTERPOLATION = 0.25  # of NBSVM, as published
TOKENS = r"(?u)\w+(?:['’]\w+)*|[^\w\s]"
PUBLISHED = (
    ("CNN from random vectors (Kim 2014)", 0.761),
    ("naive Bayes on pairs (Wang and Manning 2012)", 0.790),
    ("NBSVM (Wang and Manning 2012)", 0.794),
    ("CNN with word2vec (Kim 2014)", 0.815),
)

Texts = pd.Series
Fit = Callable[[Texts, np.ndarray, int], tuple[Callable[[Texts], np.ndarray], str]]


def bag_of_words(texts: Texts, y: np.ndarray, seeds: int) -> tuple[Any, str]:
    """tf-idf of words and pairs of words, and a logit; its penalty chosen on held-out rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def model(strength: float) -> Any:
        counter = TfidfVectorizer(token_pattern=TOKENS, ngram_range=(1, 2), sublinear_tf=True)
        return make_pipeline(counter, LogisticRegression(C=strength, max_iter=1000))

    best = chosen(
        "bag of words", texts, y, lambda strength, rows: model(strength).fit(texts[rows], y[rows])
    )
    return model(best).fit(texts, y).decision_function, f"C {best:g}"


def nbsvm(texts: Texts, y: np.ndarray, seeds: int) -> tuple[Any, str]:
    """Wang and Manning's: a linear support vector machine on log-count ratios, interpolated."""

    def fitted(strength: float, rows: np.ndarray) -> Any:
        return Nbsvm(strength).fit(texts[rows], y[rows])

    best = chosen("NBSVM", texts, y, fitted)
    return Nbsvm(best).fit(texts, y).decision_function, f"C {best:g}"


class Nbsvm:
    """Wang and Manning (2012), with words and pairs of words."""

    def __init__(self, strength: float):
        self.strength = strength

    def fit(self, texts: Texts, y: np.ndarray) -> Nbsvm:
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.svm import LinearSVC

        from descend.tables.baselines.words import count_ratios

        self.counter = CountVectorizer(token_pattern=TOKENS, ngram_range=(1, 2), binary=True)
        x = self.counter.fit_transform(texts).astype(np.float64)
        self.ratios = count_ratios(x, y == 1)
        machine = LinearSVC(C=self.strength, max_iter=5000)
        machine.fit(x.multiply(self.ratios).tocsr(), y)
        weights = machine.coef_.ravel()
        # w' = (1 - b) mean |w| + b w
        self.weights = (1 - INTERPOLATION) * np.abs(weights).mean() + INTERPOLATION * weights
        self.bias = float(machine.intercept_[0])
        return self

    def decision_function(self, texts: Texts) -> np.ndarray:
        x = self.counter.transform(texts).astype(np.float64)
        return np.asarray(x @ (self.ratios * self.weights)) + self.bias

    def score(self, texts: Texts, y: np.ndarray) -> float:
        return float(np.mean((self.decision_function(texts) > 0) == (y == 1)))


def chosen(
    name: str, texts: Texts, y: np.ndarray, fitted: Callable[[float, np.ndarray], Any]
) -> float:
    """The strength that does best on a tenth of the rows, held out."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(y))
    held_out, rows = np.split(order, [int(HELD_OUT * len(y))])
    scores = [fitted(s, rows).score(texts[held_out], y[held_out]) for s in STRENGTHS[name]]
    return STRENGTHS[name][int(np.argmax(scores))]


def network(texts: Texts, y: np.ndarray, seeds: int) -> tuple[Any, str]:
    """descend's classifier of a column of text, as it is without options; seeds averaged."""
    from descend.tables import TabularClassifier

    frame = pd.DataFrame({"review": texts})
    models = [
        TabularClassifier(text=["review"], validation_share=HELD_OUT, random_state=seed).fit(
            frame, y
        )
        for seed in range(seeds)
    ]

    def decide(rows: Texts) -> np.ndarray:
        p = [model.predict_proba(pd.DataFrame({"review": rows})) for model in models]
        return np.mean([np.log(one[:, 1]) - np.log(one[:, 0]) for one in p], axis=0)

    return decide, f"epochs {', '.join(str(model.best_epoch_) for model in models)}"


METHODS: dict[str, tuple[str, Fit]] = {
    "bag of words": ("tf-idf of words and pairs, logit", bag_of_words),
    "NBSVM": ("as published, penalty chosen on held-out rows", nbsvm),
    "descend": ("the network of a column of text, seeds averaged", network),
}


def folds(y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training rows, test rows) of each fold; classes alike in all."""
    from sklearn.model_selection import StratifiedKFold

    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=SPLIT_SEED).split(y, y))


def measure(train: np.ndarray, test: np.ndarray, seeds: int) -> dict[str, Any]:
    """What each method says of a fold: whether each test row is right, and what was chosen."""
    frame = load_reviews().frame
    texts, y = frame["review"], (frame["sentiment"] == "positive").to_numpy(int)
    found = {}
    for name, (_, fit) in METHODS.items():
        began = time.perf_counter()
        decide, note = fit(texts.iloc[train].reset_index(drop=True), y[train], seeds)
        seconds = time.perf_counter() - began
        right = (decide(texts.iloc[test].reset_index(drop=True)) > 0) == (y[test] == 1)
        found[name] = {
            "right": "".join("01"[int(r)] for r in right),
            "chosen": note,
            "seconds": round(seconds, 1),
        }
    return found


def right(results: dict[str, Any], name: str) -> np.ndarray:
    """(rows,) whether a method was right, fold after fold."""
    return np.array([c == "1" for fold in results["folds"].values() for c in fold[name]["right"]])


def difference(results: dict[str, Any], other: str) -> tuple[float, float, float]:
    """(descend less another, and the ends of a 95 % interval): a paired bootstrap of the rows."""
    gap = right(results, "descend").astype(float) - right(results, other)
    rng = np.random.default_rng(SPLIT_SEED)
    means = [gap[rng.integers(len(gap), size=len(gap))].mean() for _ in range(2000)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(gap.mean()), float(low), float(high)


def markdown(results: dict[str, Any]) -> str:
    """The page."""
    count = len(results["folds"])
    sizes = [len(fold["descend"]["right"]) for fold in results["folds"].values()]
    lines = [
        "# Sentiment of sentences, from scratch",
        "",
        f"Pang and Lee's 10,662 sentences of film reviews, {count} of {FOLDS} folds (classes "
        f"alike, seed {SPLIT_SEED}), {sum(sizes):,} sentences judged, each once. No vectors from "
        f"elsewhere. The network is descend's own for a column of text, {results['seeds']} seeds "
        "averaged.",
        "",
        "| method | accuracy | folds: lowest, highest | descend less it, 95 % interval |",
        "|---|---|---|---|",
    ]
    for name, (words, _) in METHODS.items():
        each = [
            np.mean([c == "1" for c in fold[name]["right"]]) for fold in results["folds"].values()
        ]
        beside = ""
        if name != "descend":
            gap, low, high = difference(results, name)
            beside = f"{gap:+.3f} ({low:+.3f} to {high:+.3f})"
        share = f"{right(results, name).mean():.4f}"
        share = f"**{share}**" if name == "descend" else share
        lines.append(f"| {name}: {words} | {share} | {min(each):.3f}, {max(each):.3f} | {beside} |")
    lines += ["", "Published, on other folds: "]
    lines[-1] += "; ".join(f"{name} {value:.3f}" for name, value in PUBLISHED) + "."
    about = results["about"]
    lines += [
        "",
        f"The interval is a paired bootstrap of the sentences; what another training would give is "
        f"not in it. {about['machine']['cpu']}, {about['machine']['cores']} cores; "
        + ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        + ". `python benchmarks/sentiment.py` measures it.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=FOLDS)
    for flag in ("--again", "--report", "--quick"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.folds, options.seeds = 1, 1
    known = RESULTS.exists() and not options.again and not options.quick
    results = json.loads(RESULTS.read_text()) if known else {"folds": {}, "seeds": options.seeds}
    if not options.report:
        results["about"] = {
            "machine": machine(),
            "versions": versions("jax", "scikit-learn", "numpy"),
        }
        y = (load_reviews().frame["sentiment"] == "positive").to_numpy(int)
        for number, (train, test) in enumerate(folds(y)[: options.folds]):
            if str(number) in results["folds"] and results["seeds"] == options.seeds:
                continue
            results["folds"][str(number)] = measure(train, test, options.seeds)
            results["seeds"] = options.seeds
            shares = {
                name: f"{one['right'].count('1') / len(one['right']):.4f} ({one['chosen']})"
                for name, one in results["folds"][str(number)].items()
            }
            print(f"fold {number}: {shares}", flush=True)
            if not options.quick:
                write_atomically(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    text = markdown(results)
    print(text)
    if not options.quick:
        write_atomically(RESULTS.with_suffix(".md"), text.encode())


if __name__ == "__main__":
    main()
