"""What a tree learns from one raw column, and from all of them about which part a row is of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from descend.errors import DataError
from descend.tables.baselines.raw_columns import PlainColumns

MOST_ROWS = 20_000  # trees on more would tell the same
DEPTH = 10
PRIOR = 5  # rows
TREES = 100


def strengths(
    train: pd.DataFrame,
    y_train: np.ndarray,
    validation: pd.DataFrame,
    y_validation: np.ndarray,
    *,
    classifies: bool,
    seed: int = 0,
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
    """
    from sklearn.metrics import r2_score, roc_auc_score
    from sklearn.tree import DecisionTreeRegressor

    rows = _some(len(train), seed)
    y = y_train[rows]
    classes = np.intersect1d(y, y_validation) if classifies else np.unique(y_validation)
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
    found = {}
    for name, kind in columns.kinds.items():
        if kind == "category":
            predicted = _by_level(read[name], later[name], outcome)
        else:
            predicted = (
                tree.fit(read[[name]], outcome).predict(later[[name]]).reshape(len(truth), -1)
            )
        each = [score(truth[:, i], predicted[:, i]) for i in range(truth.shape[1])]
        found[name] = float(np.mean(each))
    return found


def classify_parts(
    train: pd.DataFrame, test: pd.DataFrame, *, seed: int = 0
) -> tuple[float, str | None]:
    """(AUC, column): how well a small random forest tells training from test rows.

    Each row is judged by the trees whose bootstrap sample it was not in.

    Args:
        train, test: inputs as they came.
        seed: of the forest, and of the rows taken where these are many.

    Returns:
        The AUC, and the column that the trees use most; None if no column can be used.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score

    parts = [train.iloc[_some(len(train), seed)], test.iloc[_some(len(test), seed)]]
    whole = pd.concat(parts, ignore_index=True)
    is_test = np.repeat([0, 1], [len(p) for p in parts])
    try:
        read = PlainColumns.fit(whole).read(whole)
    except DataError:
        return 0.5, None
    numbers = pd.DataFrame(
        {
            name: column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column
            for name, column in read.items()
        }
    )
    forest = RandomForestClassifier(
        TREES,
        max_depth=5,
        min_samples_leaf=10,
        class_weight="balanced",
        oob_score=True,
        random_state=seed,
    ).fit(numbers, is_test)
    auc = roc_auc_score(is_test, forest.oob_decision_function_[:, 1])
    return float(auc), str(numbers.columns[int(forest.feature_importances_.argmax())])


def _some(n: int, seed: int) -> np.ndarray:
    if n <= MOST_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, MOST_ROWS, replace=False))


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
