"""What a tree learns from one raw column, and from all of them about which part a row is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from descend.errors import DataError
from descend.tables.baselines.raw_columns import PlainColumns

MOST_ROWS = 20_000  # trees on more would tell the same
DEPTH = 10
PRIOR = 5  # rows
TREES = 40
DEALT = 999  # times that parts are dealt to units to see what chance makes


def strengths(
    train: pd.DataFrame,
    y_train: np.ndarray,
    validation: pd.DataFrame,
    y_validation: np.ndarray,
    *,
    classifies: bool,
    seed: int = 0,
    least: int = 0,
    most: int | None = None,
) -> dict[str, float]:
    """{column: AUC or R2 on the validation rows} of a decision tree on that column alone.

    Of classes the tree predicts 0/1 numbers of each (least squares, the Gini impurity), and the
    AUC is the mean over classes of each against the rest. Of values it predicts their ranks among
    the training rows, and the R2 is that of the ranks: a copy of the target is found in any unit,
    however long its tails. Of a category the prediction is the mean of the level's training rows.

    Args:
        train, validation: inputs as they came.
        y_train, y_validation: class numbers or values.
        classifies: whether the target is a class.
        seed: seed of the trees, and of the rows they are fitted on where these are many.
        least: validation rows that a class must have to be judged, and the rest as well.
        most: columns that are looked at, those that go with the target most; None for all.
    """
    from sklearn.metrics import r2_score, roc_auc_score
    from sklearn.tree import DecisionTreeRegressor

    rows = some_rows(len(train), seed)
    y = y_train[rows]
    classes = np.intersect1d(y, y_validation) if classifies else np.unique(y_validation)
    if classifies and least:
        counts = np.asarray([(y_validation == c).sum() for c in classes])
        classes = classes[(counts >= least) & (len(y_validation) - counts >= least)]
    if len(classes) < 2:
        return {}
    try:
        columns = PlainColumns.fit(train)
    except DataError:
        return {}
    read, later = columns.read(train.iloc[rows]), columns.read(validation)
    if classifies:
        outcome = (y[:, None] == classes).astype(np.float64)
        truth = y_validation[:, None] == classes
        tree = DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=5, random_state=seed)
    else:
        outcome, truth = (
            np.searchsorted(np.sort(y), v)[:, None] / len(y) for v in (y, y_validation)
        )
        tree = DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=2, random_state=seed)
    if (truth == truth[0]).all():
        return {}
    score = roc_auc_score if classifies else r2_score
    strength: dict[str, float] = {}
    for name, kind in _first(read, columns.kinds, outcome, most).items():
        if kind == "category":
            predicted = _by_level(read[name], later[name], outcome)
        else:
            predicted = (
                tree.fit(read[[name]], outcome).predict(later[[name]]).reshape(len(truth), -1)
            )
        each = [score(truth[:, i], predicted[:, i]) for i in range(truth.shape[1])]
        strength[name] = float(np.mean(each))
    return strength


def _first(
    read: pd.DataFrame, kinds: dict[str, str], outcome: np.ndarray, most: int | None
) -> dict[str, str]:
    """So many columns: of numbers those of the largest rank correlation with the outcome (n, k), of
    categories those whose levels' means vary most."""
    if most is None or len(kinds) <= most:
        return kinds
    centred = outcome - outcome.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0)) + 1e-300
    strength = {}
    for name, kind in kinds.items():
        if kind == "category":
            means = _by_level(read[name], read[name], outcome)
        else:
            means = read[name].rank().fillna(0).to_numpy()[:, None]
        means = means - means.mean(axis=0)
        spread = np.sqrt((means**2).sum(axis=0)) + 1e-300
        strength[name] = float(np.abs((means * centred).sum(axis=0) / spread / size).max())
    return {name: kinds[name] for name in sorted(kinds, key=lambda n: -strength[n])[:most]}


def most_related(
    frame: pd.DataFrame, y: np.ndarray, most: int, *, classifies: bool, seed: int = 0
) -> list[str]:
    """The names of so many columns that go with the target most, of those that can be read.

    Args:
        frame: columns as they came.
        y: class numbers or values, (n,); of several targets (n, targets).
        most: names to be given; all of them where there are no more columns.
        classifies: whether the target is a class.
        seed: seed of the rows that are looked at where these are many.
    """
    names = [str(c) for c in frame.columns]
    if len(names) <= most:
        return names
    rows = some_rows(len(frame), seed, 2000)
    y = y[rows] if y.ndim == 2 else y[rows, None]
    outcome = y.astype(np.float64)
    if classifies:
        outcome = (y == np.unique(y)[None]).astype(np.float64)
    some = frame.iloc[rows]
    columns = PlainColumns.fit(some)
    chosen = list(_first(columns.read(some), columns.kinds, outcome, most))
    return [*chosen, *(n for n in names if n not in columns.kinds)][:most]


def classify_parts(
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    units: tuple[np.ndarray, np.ndarray] | None = None,
    trees: int = TREES,
    most: int = MOST_ROWS,
    seed: int = 0,
) -> tuple[float, float, str | None]:
    """(AUC, p, column): how well training and test rows are told apart.

    By a small random forest, fitted on half of the units and judged on the other half, and the
    other way round. A half's AUC is compared with 999 deals of the parts to its units, which its
    forest has not seen, so that the probability of so large an AUC by chance is exact; p is twice
    the smaller one.

    Args:
        train, test: inputs as they came.
        units: labels of the training and of the test rows that belong together, such as groups or
            stretches of time; None where each row stands alone.
        trees: number of trees of a forest.
        most: rows of a part.
        seed: seed of the forest, of the rows taken where these are many, and of the dealing.

    Returns:
        The mean AUC of the halves, p, and the column that the trees use most; None if no column
        can be used.
    """
    from sklearn.ensemble import RandomForestClassifier

    rows = [some_rows(len(part), seed, most) for part in (train, test)]
    parts = [train.iloc[rows[0]], test.iloc[rows[1]]]
    whole = pd.concat(parts, ignore_index=True)
    is_test = np.repeat([False, True], [len(p) for p in parts])
    try:
        read = PlainColumns.fit(whole).read(whole)
    except DataError:
        return 0.5, 1.0, None
    numbers = pd.DataFrame(
        {
            name: column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column
            for name, column in read.items()
        }
    )
    forest = RandomForestClassifier(
        trees,
        max_depth=5,
        min_samples_leaf=10,
        class_weight="balanced",
        random_state=seed,
    )
    rng = np.random.default_rng(seed)
    unit = np.arange(len(is_test))
    if units is not None:
        labels = [np.asarray(u, object)[r] for u, r in zip(units, rows, strict=True)]
        unit = pd.factorize(np.concatenate(labels), use_na_sentinel=False)[0]
    half = _halves(unit, is_test, rng)
    halves = []
    for judged in (half, ~half):
        probabilities = forest.fit(numbers[~judged], is_test[~judged]).predict_proba(
            numbers[judged]
        )[:, 1]
        halves.append(_auc_by_chance(probabilities, is_test[judged], unit[judged], rng))
    forest.fit(numbers, is_test)
    auc, p = float(np.mean([f[0] for f in halves])), min(1.0, 2 * min(f[1] for f in halves))
    return auc, p, str(numbers.columns[int(forest.feature_importances_.argmax())])


def _halves(unit: np.ndarray, is_test: np.ndarray, rng: Any) -> np.ndarray:
    """(n,) whether a row's unit is in the first half, of the units of either part alike."""
    first = np.zeros(unit.max() + 1, bool)
    later = np.unique(unit[is_test])
    for some in (later, np.setdiff1d(unit, later)):
        first[rng.permutation(some)[: (len(some) + 1) // 2]] = True
    return first[unit]


def _auc_by_chance(
    probabilities: np.ndarray, is_test: np.ndarray, unit: np.ndarray, rng: Any
) -> tuple[float, float]:
    """AUC, and how often it is as large where the parts are dealt to the units at random."""
    unit = np.unique(unit, return_inverse=True)[1]
    ranks = pd.Series(probabilities).rank().to_numpy()
    sums, sizes = np.bincount(unit, ranks), np.bincount(unit).astype(np.float64)
    count = len(np.unique(unit[is_test]))

    def auc(rank_sum: float, n: float) -> float:
        return float((rank_sum - n * (n + 1) / 2) / max(n * (len(probabilities) - n), 1))

    observed, larger = auc(ranks[is_test].sum(), float(is_test.sum())), 0
    for _ in range(DEALT):
        units = rng.permutation(len(sizes))[:count]
        larger += auc(sums[units].sum(), sizes[units].sum()) >= observed
    return observed, (1 + larger) / (1 + DEALT)


def some_rows(n: int, seed: int, most: int = MOST_ROWS) -> np.ndarray:
    """Row numbers: all of them, or so many drawn without replacement."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def _by_level(column: pd.Series, later: pd.Series, outcome: np.ndarray) -> np.ndarray:
    """(rows, k): mean outcome (n, k) of a level, as if it had PRIOR more rows of the overall mean.

    Missing is a level; one that no training row has takes the overall mean.
    """
    codes = column.cat.codes.to_numpy() + 1
    counts = np.bincount(codes, minlength=len(column.cat.categories) + 1)
    sums = np.zeros((len(counts), outcome.shape[1]))
    np.add.at(sums, codes, outcome)
    means = (sums + PRIOR * outcome.mean(axis=0)) / (counts[:, None] + PRIOR)
    return means[later.cat.codes.to_numpy() + 1]
