"""Baselines on columns of text: bag of words with a linear model, and naive Bayes with a logit.

Words are counted here by scikit-learn, not by the network's tokeniser: what that gets wrong does
not reach them. The validation rows choose the penalty, as those of the linear model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from descend.data.frames import as_text
from descend.errors import DataError
from descend.tables.baselines.linear import Predict, design

TASKS = ("classification", "regression", "censored")  # that a bag of words is fitted for
TOKENS = r"(?u)\w+(?:['’]\w+)*|[^\w\s]"  # words, and marks each by itself
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # of the penalty on the sum of losses
TINY = 1e-15  # least probability in a logarithm
Matrix = Any  # a sparse matrix of SciPy's


def texts_of(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Columns of text as texts, "" where missing; the index is dropped."""
    columns = {str(name): column for name, column in frame.items()}
    return pd.DataFrame(
        {name: as_text(columns[name]).fillna("").to_numpy(object) for name in names}
    )


def fit_bag(
    train: pd.DataFrame,
    y: np.ndarray,
    validation: pd.DataFrame,
    y_validation: np.ndarray,
    *,
    texts: Sequence[str],
    task: str,
    classes: int = 0,
    weights: np.ndarray | None = None,
    weights_validation: np.ndarray | None = None,
) -> tuple[Predict, str, str]:
    """(predict, name in words, note): tf-idf of words and pairs of words, other columns besides.

    Args:
        train, validation: what `PlainColumns.read` and `texts_of` gave, side by side.
        y, y_validation: class numbers, or values.
        texts: names of the columns of text.
        task: one of `TASKS`.
        classes: how many, of a classification.
        weights, weights_validation: weights of the rows.

    Source: Sparck Jones (1972); in its form scikit-learn's TfidfVectorizer with logarithms of the
    counts.
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, Ridge

    counters = {
        name: TfidfVectorizer(token_pattern=TOKENS, ngram_range=(1, 2), sublinear_tf=True)
        for name in texts
    }
    for name, counter in counters.items():
        counter.fit(train[name])
    others = train.drop(columns=list(texts))
    numbers = design(others) if others.shape[1] else None

    def matrix(frame: pd.DataFrame) -> Matrix:
        blocks = [counter.transform(frame[name]) for name, counter in counters.items()]
        if numbers is not None:
            blocks.append(sparse.csr_matrix(numbers(frame[others.columns])))
        return sparse.hstack(blocks, format="csr")

    x, x_validation = matrix(train), matrix(validation)

    def fitted(strength: float) -> Any:
        if task == "classification":
            return LogisticRegression(C=1 / strength, max_iter=1000).fit(x, y, weights)
        return Ridge(alpha=strength).fit(x, y, weights)

    if task == "classification":
        model, strength = _best(
            fitted, lambda m: _log_loss(m, x_validation, y_validation, weights_validation, classes)
        )
        name = "logit" if classes == 2 else "multinomial logit"

        def predict(frame: pd.DataFrame) -> np.ndarray:
            return _probabilities(model, matrix(frame), classes)

    else:
        model, strength = _best(
            fitted, lambda m: _squares(m.predict(x_validation), y_validation, weights_validation)
        )
        name = "ridge regression"

        def predict(frame: pd.DataFrame) -> np.ndarray:
            values = np.asarray(model.predict(matrix(frame)), np.float64)
            return np.maximum(values, 0.0) if task == "censored" else values

    words = f"bag of words (tf-idf of words and pairs) and {name}"
    return predict, words, f"penalty {strength:g}, chosen on the validation rows"


def fit_naive_bayes(
    train: pd.DataFrame,
    y: np.ndarray,
    validation: pd.DataFrame,
    y_validation: np.ndarray,
    *,
    texts: Sequence[str],
    classes: int,
    weights: np.ndarray | None = None,
    weights_validation: np.ndarray | None = None,
) -> tuple[Predict, str, str]:
    """(predict, name in words, note): a logit of words weighted by what naive Bayes says of them.

        r = log(p / |p|) - log(q / |q|),  p = 1 + rows of the class with the word, q those of others

    Each word or pair of words that a text holds enters as r; of several classes there is one logit
    a class.

    Args:
        train, validation: what `texts_of` gave (other columns are not used).
        y, y_validation: class numbers.
        texts: names of the columns of text.
        classes: how many.
        weights, weights_validation: weights of the rows.

    Source: Wang and Manning (2012), "Baselines and Bigrams" (NBSVM, with a logistic loss in place
    of the hinge, so that there are probabilities).
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    counters = {
        name: CountVectorizer(token_pattern=TOKENS, ngram_range=(1, 2), binary=True)
        for name in texts
    }
    for name, counter in counters.items():
        counter.fit(train[name])

    def matrix(frame: pd.DataFrame) -> Matrix:
        blocks = [counter.transform(frame[name]) for name, counter in counters.items()]
        return sparse.hstack(blocks, format="csr").astype(np.float64)

    x, x_validation = matrix(train), matrix(validation)
    # of two classes the second is told from the first; of more each from the others
    told = [1] if classes == 2 else list(range(classes))
    ratios = [count_ratios(x, y == one, weights) for one in told]

    def fitted(strength: float) -> list[Any]:
        return [
            LogisticRegression(C=1 / strength, max_iter=1000).fit(
                x.multiply(ratio).tocsr(), y == one, weights
            )
            for one, ratio in zip(told, ratios, strict=True)
        ]

    def probabilities(models: list[Any], rows: Matrix) -> np.ndarray:
        each = [
            model.predict_proba(rows.multiply(ratio).tocsr())[:, 1]
            for model, ratio in zip(models, ratios, strict=True)
        ]
        if classes == 2:
            return np.stack([1 - each[0], each[0]], axis=1)
        p = np.stack(each, axis=1) + TINY
        return p / p.sum(axis=1, keepdims=True)

    def cost(models: list[Any]) -> float:
        p = probabilities(models, x_validation)[np.arange(len(y_validation)), y_validation]
        return float(np.average(-np.log(np.maximum(p, TINY)), weights=weights_validation))

    models, strength = _best(fitted, cost)
    note = f"penalty {strength:g}, chosen on the validation rows"
    words = "words weighted by naive Bayes, and logit (NBSVM with a logistic loss)"
    return (lambda frame: probabilities(models, matrix(frame))), words, note


def count_ratios(x: Matrix, positive: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The log-count ratios (words,) of naive Bayes.

    Args:
        x: (n, words) of zeros and ones.
        positive: (n,) whether a row is of the class.
        weights: weights of the rows.
    """
    w = np.ones(x.shape[0]) if weights is None else weights
    p, q = 1 + x.T @ (w * positive), 1 + x.T @ (w * ~positive)
    return np.log(p / p.sum()) - np.log(q / q.sum())


def _best(fitted: Callable[[float], Any], cost: Callable[[Any], float]) -> tuple[Any, float]:
    """The model of the penalty that costs least on the validation rows, and the penalty."""
    models = [(fitted(strength), strength) for strength in STRENGTHS]
    costs = [cost(model) for model, _ in models]
    if not np.isfinite(costs).any():
        raise DataError("no penalty gives finite predictions on the validation rows")
    return models[int(np.nanargmin(costs))]


def _probabilities(model: Any, x: Matrix, classes: int) -> np.ndarray:
    p = np.zeros((x.shape[0], classes))
    p[:, model.classes_.astype(int)] = model.predict_proba(x)
    return p


def _squares(predicted: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> float:
    return float(np.average((predicted - y) ** 2, weights=weights))


def _log_loss(
    model: Any, x: Matrix, y: np.ndarray, weights: np.ndarray | None, classes: int
) -> float:
    p = _probabilities(model, x, classes)[np.arange(len(y)), y]
    return float(np.average(-np.log(np.maximum(p, TINY)), weights=weights))
