"""Checks of the parts of a split: order of the file, groups, whether the parts are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from descend.tables.checks.one_column import classify_parts, some_rows
from descend.tables.checks.runs import runs_z
from descend.tables.checks.verdicts import Check, Kind
from descend.tables.columns import kind_of, text
from descend.tables.identifiers import key_name

SORTED_RUNS = -6.0  # z of the number of runs: one in a thousand million files by chance
TOLD_APART = 0.60  # AUC of training against test rows from which on they differ
BY_CHANCE = 0.01
LEAST_ROWS = 20
BLOCKS = 10  # stretches of time a part is cut into
DEALT = 999  # times that rows or groups are dealt to the parts to see what chance makes
UNLIKE = 0.005  # probability of so unlike targets by chance, of each later part
MATTERS = 1.25, 0.1  # ratio of a class's rates, difference of means in standard deviations
LEAST_UNITS = 20

_SORTED = Kind("L005", "the file is sorted by the target", "tip")
_GROUPS = Kind("L006", "groups in two parts")
_APART = Kind("L007", "training and test rows can be told apart")
_TARGET = Kind("L009", "the target differs between the parts")


def sorted_by_target(y: np.ndarray, *, classifies: bool, at_random: bool = True) -> Check:
    """Whether neighbours in the file have like targets: fewer runs than chance makes.

    A run is a stretch of equal classes (of a value: above or below the median). Of n rows with
    class counts n_i the expected number is 1 + (n^2 - sum n_i^2) / n (tables/checks/runs.py).

    Args:
        y: (n,) class numbers or values in the order of the file.
        classifies: whether the target is a class.
        at_random: whether the parts were drawn at random; an issue otherwise.
    """
    codes = y if classifies else (y > np.median(y)).astype(int)
    z = runs_z(codes)
    if z is None:
        return _SORTED.skip("too few rows, or one value")
    if z >= SORTED_RUNS:
        order = "rows that follow each other have no more alike targets than chance makes"
    elif z > -0.9 * np.sqrt(len(y)) and not _monotone(y):
        order = "rows that follow each other have like targets"
    else:
        order = "the rows are sorted by the target, or nearly"
    return _SORTED.judge(
        z < SORTED_RUNS,
        f"{order} (z of the number of runs {z:.1f})",
        "Ask why: if neighbours belong together (the same person, the same day), split by whole "
        "groups or by time; a column that numbers the rows must be left out."
        + ("" if at_random else " Draw the parts at random unless the order is time."),
        level="tip" if at_random else "issue",
        z=z,
    )


def groups_in_parts(
    groups: Sequence[Any] | np.ndarray | pd.Series | None,
    y: np.ndarray,
    train: np.ndarray,
    later: np.ndarray,
    *,
    classifies: bool,
    inputs: pd.DataFrame | None = None,
    seed: int = 0,
) -> Check:
    """Whether rows of a group are in two parts, and what the group then gives away.

    Told is the share of the target's variation (of its classes: of the Gini impurity) on later rows
    that the mean of their group in the training part explains. Failed where that is more than in
    all of 999 deals of these targets to the rows. Without groups: a tip where a column is named
    like a key and has several rows a value, as a panel has.

    Args:
        groups: (n,) of all rows; None where there are none.
        y: (n,) class numbers or values.
        train: row numbers of the training part; later: of validation and test.
        classifies: whether the target is a class.
        inputs: (n, columns) to look for such a key in.
        seed: seed of the deals.
    """
    if groups is None:
        return _unnamed_groups(inputs)
    codes, _ = pd.factorize(np.asarray(groups, object))
    shared = np.isin(codes[later], codes[train])
    if not shared.any():
        return _GROUPS.judge(False, "no group is in two parts", "", rows=0)
    explained, beyond = _told_by_group(codes, y, train, later[shared], classifies, seed)
    words = f"{int(shared.sum()):,} of {len(later):,} later rows have their group in training"
    if explained is not None:
        words += f"; the group alone explains {explained:.0%} of their target"
        words += "" if beyond else ", no more than chance"
    return _GROUPS.judge(
        beyond,
        words,
        "Split by whole groups if predictions are wanted for new groups.",
        rows=int(shared.sum()),
        explained=explained,
    )


def _unnamed_groups(inputs: pd.DataFrame | None) -> Check:
    panels = []
    for name, column in ({} if inputs is None else inputs).items():
        named = key_name(str(name))
        if not named or kind_of(column) not in ("number", "category"):
            continue
        rows = text(column).value_counts()
        balanced = len(rows) and rows.iloc[0] == rows.iloc[-1]
        if len(rows) >= LEAST_UNITS and rows.mean() >= 1.5 and (named == "yes" or balanced):
            panels.append((str(name), len(rows), float(rows.mean())))
    if not panels:
        return _GROUPS.skip("no group column was named")
    name, units, rows_each = panels[0]
    return _GROUPS.judge(
        True,
        f"no group column was named, but {name!r} is named like a key and has {units:,} values of "
        f"{rows_each:.1f} rows each: rows of one unit are in several parts",
        f"If it names persons, firms or the like: --group {name} splits by whole units.",
        level="tip",
        units=units,
    )


def told_apart(
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    at_random: bool = True,
    groups: tuple[Any, Any] | None = None,
    times: tuple[Any, Any] | None = None,
    trees: int = 40,
    most: int = 10_000,
    seed: int = 0,
) -> Check:
    """Whether a small random forest can say of a row if it is a training or a test row.

    Its AUC on the half of the rows that it was not fitted on: where the parts were drawn by groups,
    of the groups; where they were drawn by time, of stretches of time. Failed above 0.60 if chance
    (parts dealt anew to rows, groups or stretches) makes so much in less than one split in a
    hundred.

    Args:
        train, test: the columns that the network sees.
        at_random: whether the parts were drawn at random: then this is an issue; by time or from
            another file it is a tip, to be expected in part.
        groups: labels of training and test rows, where whole groups were drawn.
        times: times of training and test rows, where they were drawn by time.
        trees, most: number of trees of the forest, and of rows of each part that it is given.
        seed: seed of the forest, and of the rows taken where these are many.
    """
    m, n = len(train), len(test)
    if min(m, n) < LEAST_ROWS:
        return _APART.skip(f"there are {m} training and {n} test rows, too few to tell")
    units = groups
    if units is None and times is not None:
        units = _block(times[0]), _block(times[1]) + BLOCKS
    if units is not None and min(len(pd.unique(np.asarray(u, object))) for u in units) < 4:
        return _APART.skip("a part has fewer than four groups, too few to tell")
    auc, p, column = classify_parts(train, test, units=units, trees=trees, most=most, seed=seed)
    failed = auc > TOLD_APART and p < BY_CHANCE
    stretch = "groups" if groups is not None else "stretches of time"
    judged_on = "" if units is None else f", judged on whole {stretch}"
    return _APART.judge(
        failed,
        f"a random forest tells training from test rows with an AUC of {auc:.3f}{judged_on} "
        f"(chance is 0.5, and makes as much in {p:.1%} of splits)"
        + (f"; most by {column!r}" if failed and column else ""),
        "The test rows are of another kind than the training rows, so the test says how the "
        "network does there. Look at the column named: a date or a number that runs on gives the "
        "part away and should be left out.",
        level="issue" if at_random else "tip",
        auc=auc,
        p=p,
    )


def _block(times: Any) -> np.ndarray:
    """(n,) the stretch of time that each row is in, of about equally many rows."""
    ranks = pd.Series(np.asarray(times)).rank(method="dense").to_numpy()
    share = pd.Series(ranks).rank(method="max").to_numpy() / len(ranks)
    return np.minimum((share * BLOCKS).astype(int), BLOCKS - 1)


def target_differs(
    y_train: np.ndarray,
    later: Mapping[str, np.ndarray],
    *,
    classes: Sequence[str] = (),
    groups: tuple[Any, Mapping[str, Any]] | None = None,
    at_random: bool = True,
    seed: int = 0,
) -> Check:
    """Whether a class is more frequent, or the mean target higher, in a later part.

    The statistic is the chi-squared one of the classes' shares (of values: the squared difference
    of mean ranks); by chance it is what 999 deals of the rows (of whole groups) to the two parts
    make. Failed where less than 0.005 of them are as large and the difference matters: a rate by a
    factor of 1.25, a mean by a tenth of the training rows' standard deviation.

    Args:
        y_train: (n,) class numbers or values.
        later: {"validation": y, "test": y}.
        classes: names; () of values.
        groups: labels of the training rows, {part: labels}, where whole groups were drawn.
        at_random: whether the parts were drawn at random: then this is an issue, else a tip.
        seed: seed of the deals.
    """
    sentences, failed, least = [], False, 1.0
    for name, y in later.items():
        if min(len(y), len(y_train)) < LEAST_ROWS:
            continue
        rows = some_rows(len(y_train), seed), some_rows(len(y), seed)
        unit = np.arange(len(rows[0]) + len(rows[1]))
        if groups is not None:
            pairs = zip((groups[0], groups[1][name]), rows, strict=True)
            labels = [np.asarray(g, object)[r] for g, r in pairs]
            unit = pd.factorize(np.concatenate(labels), use_na_sentinel=False)[0]
        p, words, matters = _unlike(y_train[rows[0]], y[rows[1]], unit, classes, seed)
        sentences.append(f"{name}: {words} (p {p:.3f})")
        failed, least = failed or (p < UNLIKE and matters), min(least, p)
    if not sentences:
        return _TARGET.skip(f"a part has fewer than {LEAST_ROWS} rows")
    return _TARGET.judge(
        failed,
        "; ".join(sentences),
        "What the network says on average comes from the training rows: probabilities and means "
        "are off where the target is more or less frequent. Train on rows like those to come, or "
        "recalibrate on some of them.",
        level="issue" if at_random else "tip",
        p=least,
    )


def _unlike(
    a: np.ndarray, b: np.ndarray, unit: np.ndarray, classes: Sequence[str], seed: int
) -> tuple[float, str, bool]:
    """(share of deals at least as unlike, words, whether the difference matters)."""
    both = np.concatenate([a, b])
    if classes:
        outcome = np.eye(len(classes))[both.astype(int)]
        scale = np.maximum(outcome.mean(axis=0), 1e-12)
    else:
        outcome, scale = pd.Series(both).rank().to_numpy()[:, None], np.ones(1)
    is_b = np.arange(len(both)) >= len(a)
    sums = np.zeros((unit.max() + 1, outcome.shape[1]))
    np.add.at(sums, unit, outcome)
    sizes = np.bincount(unit).astype(np.float64)
    of_b = np.zeros(len(sizes), bool)
    of_b[unit[is_b]] = True
    whole, n = sums.sum(axis=0), sizes.sum()

    def statistic(total: np.ndarray, rows: np.ndarray) -> np.ndarray:
        gap = total / rows[..., None] - (whole - total) / np.maximum(n - rows, 1)[..., None]
        return (gap**2 / scale).sum(axis=-1)

    observed = float(statistic(outcome[is_b].sum(axis=0), np.asarray(float(is_b.sum()))))
    rng, count = np.random.default_rng(seed), int(of_b.sum())
    larger = 0
    for _ in range(DEALT):
        dealt = rng.permutation(len(sizes))[:count]
        larger += float(statistic(sums[dealt].sum(axis=0), sizes[dealt].sum())) >= observed - 1e-12
    p = (1 + larger) / (1 + DEALT)
    if classes:
        rates = np.stack([np.bincount(v.astype(int), minlength=len(classes)) for v in (a, b)])
        rates = rates / rates.sum(axis=1, keepdims=True)
        i = int(np.argmax((rates[1] - rates[0]) ** 2 / scale)) if len(classes) > 2 else 1
        low, high = sorted(rates[:, i])
        words = f"{rates[1, i]:.2%} are {classes[i]!r}, {rates[0, i]:.2%} in training"
        return p, words, bool(high > MATTERS[0] * low)
    sd = float(a.std(ddof=1))
    words = f"mean {b.mean():.4g}, {a.mean():.4g} in training"
    middle = abs(float(np.median(b) - np.median(a)))
    return p, words, max(abs(float(b.mean() - a.mean())), middle) > MATTERS[1] * sd


def _monotone(y: np.ndarray) -> bool:
    steps = np.diff(y)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _told_by_group(
    codes: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    later: np.ndarray,
    classifies: bool,
    seed: int,
) -> tuple[float | None, bool]:
    """(1 - squared errors of the group's mean / those of the training mean, if beyond chance)."""
    outcome = np.eye(int(y.max()) + 1)[y] if classifies else y.astype(np.float64)[:, None]
    sums = np.zeros((codes.max() + 1, outcome.shape[1]))
    np.add.at(sums, codes[train], outcome[train])
    counts = np.bincount(codes[train], minlength=len(sums))
    means = sums[codes[later]] / counts[codes[later], None]
    truth = outcome[later]
    whole = ((truth - outcome[train].mean(axis=0)) ** 2).sum()
    if not whole > 0:
        return None, False
    explained = 1 - float(((truth - means) ** 2).sum() / whole)
    # only the product of truth and mean changes when targets are dealt to the rows
    observed = float((truth * means).sum())
    rng = np.random.default_rng(seed)
    dealt = [float((rng.permutation(truth) * means).sum()) for _ in range(DEALT)]
    return max(0.0, explained), observed > max(dealt)
