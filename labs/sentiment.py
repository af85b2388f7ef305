"""Sentiment: a sentence for or against a film, and the words that say so.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slide "Recurrent Neural Nets" (used for the
sentiment of tweets or reviews); radwan-deep-learning-tutorial, slide "What to learn to know about
Deep Learning?" (text, embedding).

A column of text goes through the recipe like any other: words are learned of the training rows, a
network reads them, and counting words stands beside it on the same rows, which at this size is hard
to beat. Which words moved a prediction is seen by leaving each out in turn. The slides name the
task and print no figures. The sentences are Pang and Lee's, fetched once from their address:

    descend lab run sentiment
"""

# %%
from pathlib import Path

import numpy as np
import pandas as pd

from descend.data.sentences import load_reviews
from descend.data.table import Table
from descend.lab import Check, axes, run, save
from descend.palette import BLUE, VERMILION
from descend.tables.baselines.side_by_side import Baseline, fit_baselines
from descend.tables.judging.bootstrap import compare
from descend.tables.judging.words import mean_changes, most_moving, word_changes
from descend.tables.options import FitOptions
from descend.tables.recipe import FittedTable, fit_table, open_test

# %% [markdown]
# ## The sentences
# 5,331 against and 5,331 for, in the order of the file: all against first. Whoever took the last
# tenth as validation rows would validate on one class alone; the recipe deals rows at random.


# %%
def sentences(quick: bool) -> Table:
    """All of them; the quick form takes every fourth."""
    table = load_reviews()
    return table if not quick else Table(**{**vars(table), "frame": table.frame.iloc[::4]})


def fit(table: Table, quick: bool) -> FittedTable:
    """The recipe, its test still closed."""
    shorter = {"members": 1, "hidden": (16,)} if quick else {}
    return fit_table(table, FitOptions(text=("review",), sealed=True, **shorter))


def rivals(fitted: FittedTable) -> dict[str, Baseline]:
    """Counting words, on the same rows: tf-idf with a logit, and naive Bayes with a logit."""
    prepared, split = fitted.prepared, fitted.prepared.split
    inputs = [prepared.inputs.iloc[rows] for rows in (split.train, split.validation, split.test)]
    found = fit_baselines(
        *inputs,
        prepared.y[split.train],
        prepared.y[split.validation],
        task="classification",
        classes=2,
        texts=prepared.texts,
    )
    return {baseline.name: baseline for baseline in found}


# %% [markdown]
# ## The words that moved a sentence
# The prediction less that without the word. A word's change depends on the others around it.


# %%
def moved(fitted: FittedTable, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(test sentences with P(for), the change of P(for) by each word of each)."""
    prepared = fitted.prepared
    frame = prepared.inputs.iloc[prepared.split.test[:rows]].reset_index(drop=True)
    words = prepared.encoder.columns[0].vocabulary.words

    def positive(frame: pd.DataFrame) -> np.ndarray:
        return fitted.predictor.values(frame)[:, 1]

    return frame.assign(p=positive(frame)), word_changes(positive, frame, "review", words)


def draw(means: pd.DataFrame, out: Path) -> None:
    figure, ax = axes(width=7, height=5.5)
    shown = means.iloc[::-1]
    colours = [BLUE if change > 0 else VERMILION for change in shown["change"]]
    ax.barh(shown["word"], shown["change"], color=colours)
    ax.axvline(0, color="0.5", lw=1)
    ax.set(xlabel="change of P(positive) by the word, mean over test sentences", ylabel="word")
    save(figure, out, "sentiment.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    table = sentences(quick)
    fitted = fit(table, quick)
    others = rivals(fitted)
    opened = open_test(fitted)
    prepared, split = opened.prepared, opened.prepared.split
    y = prepared.y[split.test]
    said = opened.predictor.values(prepared.inputs.iloc[split.test])
    print("accuracy on the test sentences")
    shares = {"network": said, **{b.words: b.test for b in others.values()}}
    for name, p in shares.items():
        print(f"{np.mean(p.argmax(axis=1) == y):.3f}  {name}")
    faced = {
        name: compare("log_loss", y, said, others[name].test) for name in ("mean", "naive_bayes")
    }
    verdict = {"first": "the network", "second": "counting", None: "neither, surely"}
    ahead = verdict[faced["naive_bayes"].winner]
    print(f"network or naive Bayes with a logit, ahead by cross-entropy: {ahead}")

    frame, changes = moved(opened, 300 if quick else 1000)
    means = mean_changes(changes, 12)
    draw(means, out)
    for row in frame["p"].sort_values().index[[0, 1, -2, -1]]:
        words = ", ".join(f"{word} {change:+.2f}" for word, change in most_moving(changes, row, 4))
        print(f"P(for) {frame['p'][row]:.2f}: {frame['review'][row]}\n    {words}")
    two = pd.DataFrame({"review": ["a moving and funny film", "a dull and boring film"]})
    plain = opened.predictor.values(two)[:, 1]
    parts = [prepared.y[rows].mean() for rows in (split.train, split.validation, split.test)]
    tokens = prepared.encoder.columns[0].vocabulary.words
    seen = set(tokens.grams(" ".join(prepared.inputs["review"].iloc[split.train])))
    return [
        Check(
            "share of sentences for, in each part",
            "not printed; the file is sorted: dealt at random 1/2",
            ", ".join(f"{share:.2f}" for share in parts),
            all(abs(share - 0.5) < 0.05 for share in parts),
        ),
        Check(
            "words known that no training row holds",
            "none may be",
            f"{len(set(tokens.vocabulary) - seen)} of {len(tokens.vocabulary):,}",
            set(tokens.vocabulary) <= seen,
        ),
        Check(
            "network beats guessing",
            "not printed; interval below 0",
            f"cross-entropy {faced['mean'].difference.estimate:+.3f}",
            faced["mean"].winner == "first",
        ),
        Check(
            "P(for) of 'a moving and funny film'",
            "not printed; above 1/2",
            f"{plain[0]:.2f}",
            plain[0] > 0.5,
        ),
        Check(
            "P(for) of 'a dull and boring film'",
            "not printed; below 1/2",
            f"{plain[1]:.2f}",
            plain[1] < 0.5,
        ),
        Check(
            "test opened",
            "'first (and only) time'",
            f"{len(opened.seal.openings)}",
            not fitted.seal.opened and len(opened.seal.openings) == 1,
        ),
    ]


if __name__ == "__main__":
    run(main)
