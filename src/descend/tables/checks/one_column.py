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
FOLDS = 5  # of units that are judged by the others
DEALT = 499  # times that parts are dealt to units to see what chance makes


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
        seed: of the trees, and of the rows they are fitted on where these are many.
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
    found: dict[str, float] = {}
    for name, kind in _first(read, columns.kinds, outcome, most).items():
        if kind == "category":
            predicted = _by_level(read[name], later[name], outcome)
        else:
            predicted = (
                tree.fit(read[[name]], outcome).predict(later[[name]]).reshape(len(truth), -1)
            )
        each = [score(truth[:, i], predicted[:, i]) for i in range(truth.shape[1])]
        found[name] = float(np.mean(each))
    return found


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


def classify_parts(
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    units: tuple[np.ndarray, np.ndarray] | None = None,
    trees: int = TREES,
    most: int = MOST_ROWS,
    seed: int = 0,
) -> tuple[float, float, str | None]:
    """(AUC, its 99 % quantile by chance, column): how well training and test rows are told apart.

    By a small random forest, in five folds: each row is judged by a forest fitted without it, and
    without all of its unit. By chance: parts dealt anew to the units, the judgement of the rows as
    it is.

    Args:
        train, test: inputs as they came.
        units: labels of the training and of the test rows that belong together, such as groups or
            stretches of time; None where each row stands alone.
        trees: of a forest.
        most: rows of a part.
        seed: of the forest, of the rows taken where these are many, and of the dealing.

    Returns:
        The AUC, its quantile, and the column that the trees use most; None if no column can be
        used.
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
    said = _judged_without(forest, numbers, is_test, unit, rng)
    forest.fit(numbers, is_test)
    auc, chance = _auc_by_chance(said, is_test, unit, rng)
    return auc, chance, str(numbers.columns[int(forest.feature_importances_.argmax())])


def _judged_without(
    forest: Any, numbers: pd.DataFrame, is_test: np.ndarray, unit: np.ndarray, rng: Any
) -> np.ndarray:
    """(n,) the forest's probability of the test part, fitted without the row's unit."""
    test_units = np.unique(unit[is_test])
    fold = np.empty(unit.max() + 1, int)
    for some in (test_units, np.setdiff1d(np.unique(unit), test_units)):
        fold[some] = rng.permutation(np.arange(len(some)) % FOLDS)
    said = np.full(len(unit), np.nan)
    for k in range(FOLDS):
        out = fold[unit] == k
        if out.any() and len(np.unique(is_test[~out])) == 2:
            said[out] = forest.fit(numbers[~out], is_test[~out]).predict_proba(numbers[out])[:, 1]
    return np.where(np.isnan(said), 0.5, said)


def _auc_by_chance(
    said: np.ndarray, is_test: np.ndarray, unit: np.ndarray, rng: Any
) -> tuple[float, float]:
    """AUC, and the quantile of it where the parts are dealt to the units at random."""
    ranks = pd.Series(said).rank().to_numpy()
    sums, sizes = np.bincount(unit, ranks), np.bincount(unit).astype(np.float64)
    of_test = np.zeros(len(sizes), bool)
    of_test[unit[is_test]] = True

    def auc(rank_sum: np.ndarray, n: np.ndarray) -> np.ndarray:
        rest = np.maximum(len(said) - n, 1)
        return (rank_sum - n * (n + 1) / 2) / (n * rest)

    n = np.asarray(float(is_test.sum()))
    found = float(auc(np.asarray(ranks[is_test].sum()), n))
    order = rng.permuted(np.tile(np.arange(len(sizes)), (DEALT, 1)), axis=1)
    drawn = order[:, : of_test.sum()]
    dealt = auc(sums[drawn].sum(axis=1), sizes[drawn].sum(axis=1))
    return found, float(np.quantile(dealt, 0.99))


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
