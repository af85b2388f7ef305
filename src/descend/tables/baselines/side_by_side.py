"""Honest baselines on the same split: the mean, a linear model, gradient boosting.

All are fitted on the training rows; the validation rows are used as the network uses them, to stop
boosting and to choose the linear model's ridge. The test rows are only predicted.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from descend.errors import DataError, DescendError, MissingExtraError, unknown
from descend.tables.baselines.linear import fit_linear
from descend.tables.baselines.raw_columns import PlainColumns
from descend.tables.baselines.words import TASKS as TASKS_OF_WORDS
from descend.tables.baselines.words import fit_bag, fit_naive_bayes, texts_of
from descend.tables.judging.weighted import quantile, row_weights

TASKS = ("classification", "regression", "counts", "shares", "censored", "quantiles")
ROUNDS = 500  # of boosting, at most
FEW_ROWS = 20_000  # below, threads wait for each other longer than trees take to grow
PATIENCE = 20  # rounds without a lower validation cost that are waited out

Predict = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline and what it says of the test rows.

    Attributes:
        name: "mean", "linear", "boosting", "lightgbm", "words" or "naive_bayes".
        words: what it is.
        predict: raw rows to predictions; None if it failed.
        seconds: seconds of fitting.
        test: predictions for the test rows: (n, k) probabilities, (n, q) quantiles, or (n,) values;
            None if it failed.
        note: what a reader must know: a ridge that was needed, or why it failed.
    """

    name: str
    words: str
    predict: Predict | None
    seconds: float
    test: np.ndarray | None
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether it could not be fitted."""
        return self.predict is None


@dataclass(frozen=True)
class _Job:
    """What every baseline is fitted on."""

    task: str
    classes: int
    quantiles: tuple[float, ...]
    train: pd.DataFrame
    validation: pd.DataFrame
    y: np.ndarray
    y_validation: np.ndarray
    weights: np.ndarray | None
    weights_validation: np.ndarray | None
    texts: tuple[str, ...]
    seed: int

    @property
    def classifies(self) -> bool:
        """Whether the target holds classes."""
        return self.task == "classification"

    @property
    def threads(self) -> int | None:
        """Threads of boosting; None for as many as there are cores."""
        return 1 if len(self.train) < FEW_ROWS else None


def fit_baselines(
    train: pd.DataFrame,
    validation: pd.DataFrame,
    test: pd.DataFrame,
    y_train: np.ndarray,
    y_validation: np.ndarray,
    *,
    task: str,
    classes: int = 0,
    quantiles: Sequence[float] = (),
    weights: np.ndarray | None = None,
    weights_validation: np.ndarray | None = None,
    texts: Sequence[str] = (),
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> tuple[Baseline, ...]:
    """Fit baselines and predict the test rows; one that fails says so and stops nothing.

    Args:
        train, validation, test: inputs as they came, the same columns; not encoded.
        y_train, y_validation: class numbers 0 to classes - 1, or values. Several targets: call once
            for each.
        task: "classification", "regression", "counts" (Poisson), "shares" (in [0, 1]), "censored"
            (at zero from below) or "quantiles".
        classes: how many; left out, those of `y_train`.
        quantiles: ascending, in (0, 1), for the task "quantiles".
        weights, weights_validation: weights of the rows.
        texts: columns of text; without any there are no baselines of words.
        names: names in `BASELINES`; None takes all that suit, LightGBM if it is installed.
        seed: seed of boosting.

    Raises:
        DescendError: a task or name that is not known; quantiles out of range.
        MissingExtraError: LightGBM was named and is not installed.
        DataError: lengths that do not agree; no column to predict from.
    """
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    plain = _plain_columns(train, texts)
    if names is None:
        names = [name for name in BASELINES if name != "lightgbm" or _has_lightgbm()]
        left_out = {*_without_words(task, texts), *(OF_COLUMNS if plain is None else ())}
        names = [name for name in names if name not in left_out]
    for name in names:
        if name not in BASELINES:
            raise unknown("baseline", name, BASELINES)
        if name in (why := _without_words(task, texts)):
            raise DescendError(f"the baseline {name!r} {why[name]}")
        if plain is None and name in OF_COLUMNS:
            raise DescendError(f"the baseline {name!r} needs a column other than texts")
    if "lightgbm" in names and not _has_lightgbm():
        raise MissingExtraError("lightgbm", "lightgbm", "the LightGBM baseline")
    levels = tuple(float(q) for q in quantiles)
    sensible = all(0 < q < 1 for q in levels) and list(levels) == sorted(set(levels))
    if (task == "quantiles") != bool(levels) or not sensible:
        raise DescendError(
            "the task 'quantiles', and only that, takes quantiles, ascending numbers in (0, 1); "
            f"got the task {task!r} with {levels}"
        )
    y_train, y_validation = np.asarray(y_train), np.asarray(y_validation)
    for part, rows, y in (("training", train, y_train), ("validation", validation, y_validation)):
        if y.shape != (len(rows),):
            raise DataError(
                f"the {part} part has {len(rows)} rows, and a target of shape {y.shape}; "
                "one number a row is needed"
            )
    if task == "classification":
        classes = classes or int(y_train.max()) + 1
    for module in {module for name in names for module in _LIBRARIES[name]}:
        importlib.import_module(module)  # loading a library is no part of fitting
    columns = _Reading(plain, tuple(texts))
    job = _Job(
        task=task,
        classes=classes,
        quantiles=levels,
        train=columns.read(train),
        validation=columns.read(validation),
        y=y_train if task == "classification" else y_train.astype(np.float64),
        y_validation=y_validation if task == "classification" else y_validation.astype(np.float64),
        weights=weights,
        weights_validation=weights_validation,
        texts=tuple(texts),
        seed=seed,
    )
    return tuple(_fit(name, job, columns, test) for name in names)


def _plain_columns(train: pd.DataFrame, texts: Sequence[str]) -> PlainColumns | None:
    """The columns that are no texts; None where there is none, but for texts."""
    if not texts:
        return PlainColumns.fit(train)
    try:
        return PlainColumns.fit(train.drop(columns=list(texts)))
    except DataError:
        return None


def _without_words(task: str, texts: Sequence[str]) -> dict[str, str]:
    """{baseline of words: why it cannot be had}."""
    if not texts:
        return dict.fromkeys(OF_WORDS, "needs a column of text")
    tasks = {"words": TASKS_OF_WORDS, "naive_bayes": ("classification",)}
    return {
        name: f"is not there for the task {task!r}"
        for name, known in tasks.items()
        if task not in known
    }


@dataclass(frozen=True)
class _Reading:
    """How rows are read: plain columns, if there are any, and texts beside them."""

    plain: PlainColumns | None
    texts: tuple[str, ...]

    def read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Plain columns and texts, the index dropped."""
        # without a column of either kind the rows are there all the same, for the mean
        blocks = [pd.DataFrame(index=range(len(frame)))] if self.plain is None else []
        blocks += [] if self.plain is None else [self.plain.read(frame)]
        blocks += [texts_of(frame, self.texts)] if self.texts else []
        return blocks[0] if len(blocks) == 1 else pd.concat(blocks, axis="columns")


def _fit(name: str, job: _Job, columns: _Reading, test: pd.DataFrame) -> Baseline:
    words, fit = BASELINES[name]
    if name not in OF_WORDS and job.texts:
        columns = replace(columns, texts=())
        parts = (part.drop(columns=list(job.texts)) for part in (job.train, job.validation))
        job = replace(job, train=next(parts), validation=next(parts), texts=())
    begun = time.perf_counter()
    threads = threadpool_limits(job.threads)  # of OpenMP and of BLAS
    with threads, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            predict, words, note = fit(job)
            seconds = time.perf_counter() - begun
            predicted = predict(columns.read(test))
        # a library's failure on somebody's table must not cost him the report of his network
        except Exception as error:
            seconds = time.perf_counter() - begun
            note = f"failed: {type(error).__name__}: {error}"
            return Baseline(name, words, None, seconds, None, note)
    messages = sorted({str(w.message).splitlines()[0] for w in caught})
    note = "; ".join([note] * bool(note) + messages)
    if not np.isfinite(predicted).all():
        return Baseline(name, words, None, seconds, None, "failed: predictions are not finite")
    return Baseline(
        name, words, lambda frame: predict(columns.read(frame)), seconds, predicted, note
    )


def _mean(job: _Job) -> tuple[Predict, str, str]:
    """The same for every row: shares of the classes, the mean, or the quantiles of the target."""
    if job.classifies:
        weights = np.ones(len(job.y)) if job.weights is None else job.weights
        value = np.bincount(job.y, weights, minlength=job.classes) / weights.sum()
        words = "predicting the shares of the classes"
    elif job.task == "quantiles":
        value = quantile(job.y, job.quantiles, row_weights(job.weights, len(job.y)))
        words = "predicting the quantiles of the training rows"
    else:
        value = np.asarray(np.average(job.y, weights=job.weights))
        words = "predicting the mean"
    return (lambda frame: np.broadcast_to(value, (len(frame), *value.shape)).copy()), words, ""


def _linear(job: _Job) -> tuple[Predict, str, str]:
    return fit_linear(
        job.train,
        job.y,
        job.validation,
        job.y_validation,
        task=job.task,
        classes=job.classes,
        quantiles=job.quantiles,
        weights=job.weights,
        weights_validation=job.weights_validation,
    )


def _words(job: _Job) -> tuple[Predict, str, str]:
    return fit_bag(
        job.train,
        job.y,
        job.validation,
        job.y_validation,
        texts=job.texts,
        task=job.task,
        classes=job.classes,
        weights=job.weights,
        weights_validation=job.weights_validation,
    )


def _naive_bayes(job: _Job) -> tuple[Predict, str, str]:
    return fit_naive_bayes(
        job.train,
        job.y,
        job.validation,
        job.y_validation,
        texts=job.texts,
        classes=job.classes,
        weights=job.weights,
        weights_validation=job.weights_validation,
    )


def _boosting(job: _Job) -> tuple[Predict, str, str]:
    """Histogram gradient boosting of scikit-learn, its defaults but for the number of rounds.

    scikit-learn keeps the rounds that were waited in vain, so it is fitted again with the best.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    def fitted(kind: Any, **options: Any) -> Any:
        stopped = kind(
            max_iter=ROUNDS,
            early_stopping=True,
            n_iter_no_change=PATIENCE,
            random_state=job.seed,
            **options,
        ).fit(
            job.train,
            job.y,
            sample_weight=job.weights,
            X_val=job.validation,
            y_val=job.y_validation,
            sample_weight_val=job.weights_validation,
        )
        rounds = max(int(np.argmax(stopped.validation_score_)), 1)  # the first is of none
        best = kind(max_iter=rounds, early_stopping=False, random_state=job.seed, **options)
        return best.fit(job.train, job.y, sample_weight=job.weights)

    if job.classifies:
        models = [fitted(HistGradientBoostingClassifier)]
    elif job.task == "quantiles":
        models = [
            fitted(HistGradientBoostingRegressor, loss="quantile", quantile=q)
            for q in job.quantiles
        ]
    else:
        loss = "poisson" if job.task == "counts" else "squared_error"
        models = [fitted(HistGradientBoostingRegressor, loss=loss)]
    rounds = ", ".join(str(m.n_iter_) for m in models)
    predict = _boosted(models, job)
    return predict, BASELINES["boosting"][0], f"{rounds} rounds, chosen on the validation rows"


def _lightgbm(job: _Job) -> tuple[Predict, str, str]:
    """LightGBM, its defaults but for stopping."""
    import lightgbm

    def fitted(kind: Any, **options: Any) -> Any:
        model = kind(
            n_estimators=ROUNDS,
            random_state=job.seed,
            deterministic=True,
            n_jobs=job.threads,
            verbose=-1,
            **options,
        )
        # what is to take its place, eval_X, is known only from LightGBM 4.7 on
        warnings.filterwarnings("ignore", "The argument 'eval_set' is deprecated")
        return model.fit(
            _unnamed(job.train),
            job.y,
            sample_weight=job.weights,
            eval_set=[(_unnamed(job.validation), job.y_validation)],
            eval_sample_weight=None if job.weights is None else [job.weights_validation],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )

    if job.classifies:
        models = [fitted(lightgbm.LGBMClassifier)]
    elif job.task == "quantiles":
        models = [
            fitted(lightgbm.LGBMRegressor, objective="quantile", alpha=q) for q in job.quantiles
        ]
    else:
        objective = {"counts": "poisson", "shares": "cross_entropy"}.get(job.task, "regression")
        models = [fitted(lightgbm.LGBMRegressor, objective=objective)]
    rounds = ", ".join(str(m.best_iteration_) for m in models)
    boosted = _boosted(models, job)
    note = f"{rounds} rounds, chosen on the validation rows"
    return (lambda frame: boosted(_unnamed(frame))), BASELINES["lightgbm"][0], note


def _unnamed(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the columns' names: LightGBM refuses some characters in them."""
    return frame.set_axis([f"column_{i}" for i in range(frame.shape[1])], axis="columns")


def _boosted(models: list[Any], job: _Job) -> Predict:
    """Predictions of one model, or of one a quantile, within what the target can be."""
    first = models[0]

    def predict(frame: pd.DataFrame) -> np.ndarray:
        if job.classifies:
            shares = np.zeros((len(frame), job.classes))
            shares[:, first.classes_.astype(int)] = first.predict_proba(frame)
            return shares
        if job.task == "quantiles":
            return np.sort(np.stack([m.predict(frame) for m in models], axis=1), axis=1)
        values = np.asarray(first.predict(frame), np.float64)
        if job.task == "shares":
            return np.clip(values, 0.0, 1.0)
        return np.maximum(values, 0.0) if job.task == "censored" else values

    return predict


def _has_lightgbm() -> bool:
    return importlib.util.find_spec("lightgbm") is not None


# name -> in words, before more is known; how it is fitted
BASELINES: dict[str, tuple[str, Callable[[_Job], tuple[Predict, str, str]]]] = {
    "mean": ("predicting the mean", _mean),
    "linear": ("a linear model", _linear),
    "boosting": ("gradient boosting (scikit-learn)", _boosting),
    "lightgbm": ("gradient boosting (LightGBM)", _lightgbm),
    "words": ("bag of words", _words),
    "naive_bayes": ("words weighted by naive Bayes", _naive_bayes),
}
OF_COLUMNS = ("linear", "boosting", "lightgbm")  # that need a column other than texts
OF_WORDS = ("words", "naive_bayes")
_LIBRARIES = {
    "mean": (),
    "linear": (
        "sklearn.compose",
        "sklearn.linear_model",
        "statsmodels.regression.quantile_regression",
    ),
    "boosting": ("sklearn.ensemble",),
    "lightgbm": ("lightgbm",),
    "words": ("sklearn.compose", "sklearn.feature_extraction.text", "sklearn.linear_model"),
    "naive_bayes": ("sklearn.feature_extraction.text", "sklearn.linear_model"),
}
