"""Who is measured by `tabular.py`: each fits on the same rows and predicts the same test rows.

All learn from the training rows alone. Networks choose their epoch by the validation rows;
scikit-learn's, which takes none, is given both parts and told to hold back the same share. LightGBM
stands there twice: as it is, on the training rows, and on training and validation rows together,
since it has no other use for the latter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MOST_LEVELS = 50  # of a category in 0/1 numbers; rarer ones share one
MOST_BINS = 255  # of a category in scikit-learn's boosting
EPOCHS, PATIENCE = 200, 20  # of Keras, as of our lecture network


@dataclass(frozen=True)
class Job:
    """Rows as they came; y is 0/1 or numbers."""

    x: pd.DataFrame
    y: np.ndarray
    x_validation: pd.DataFrame
    y_validation: np.ndarray
    classifies: bool
    seed: int

    def both(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Training rows, then those of validation."""
        x = pd.concat([self.x, self.x_validation], ignore_index=True)
        return x, np.concatenate([self.y, self.y_validation])


Predict = Callable[[pd.DataFrame], np.ndarray]  # probabilities of 1, or numbers


@dataclass(frozen=True)
class Method:
    """A function that fits, what it needs, and what the report calls it."""

    name: str
    fit: Callable[[Job], Predict]
    packages: tuple[str, ...]
    words: str
    environment: tuple[tuple[str, str], ...] = ()


# -- ours ---------------------------------------------------------------------------------------


def _descend(job: Job, **options: Any) -> Predict:
    from descend.tables.estimators import TabularClassifier, TabularRegressor

    kind: Any = TabularClassifier if job.classifies else TabularRegressor
    model = kind(random_state=job.seed, **options)
    model.fit(job.x, job.y, validation=(job.x_validation, job.y_validation))
    return _predict(model, job)


def _predict(model: Any, job: Job) -> Predict:
    return (lambda x: model.predict_proba(x)[:, 1]) if job.classifies else model.predict


# -- columns for the others ---------------------------------------------------------------------


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Dates as days, month and weekday, truth values as 0 and 1, all other text as objects."""
    found: dict[str, Any] = {}
    for name in map(str, frame.columns):
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column.dtype):  # truth values among them
            found[name] = column.astype(np.float64)
        elif pd.api.types.is_datetime64_any_dtype(column.dtype):
            found[name] = (column - pd.Timestamp(0)).dt.total_seconds() / 86400
            found[f"{name} month"] = column.dt.month.astype(np.float64)
            found[f"{name} weekday"] = column.dt.weekday.astype(np.float64)
        else:
            found[name] = column.astype(object).where(column.notna(), None)
    return pd.DataFrame(found, index=frame.index)


def _wide() -> Any:
    """Numbers scaled with a 0/1 number for missing ones, categories as 0/1 numbers."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    levels = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MOST_LEVELS, sparse_output=False
    )
    return make_pipeline(
        FunctionTransformer(plain),
        make_column_transformer(
            (numbers, make_column_selector(dtype_include=np.number)),
            (levels, make_column_selector(dtype_include=object)),
        ),
    )


class _Categories:
    """Text as pandas categories of the training rows' levels, the most frequent ones."""

    def __init__(self, frame: pd.DataFrame, most: int):
        frame = plain(frame)
        texts = [c for c in frame if pd.api.types.is_object_dtype(frame[c].dtype)]
        self.levels = {c: sorted(frame[c].value_counts().index[:most]) for c in texts}

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        frame = plain(frame)
        for name, levels in self.levels.items():
            known = frame[name].where(frame[name].isin(levels), None)
            frame[name] = pd.Categorical(known, categories=levels)
        return frame


# -- theirs -------------------------------------------------------------------------------------


def _scaled_target(model: Any, classifies: bool) -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    if classifies:
        return model
    return TransformedTargetRegressor(regressor=model, transformer=StandardScaler())


def _sklearn_mlp(job: Job) -> Predict:
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline

    kind = MLPClassifier if job.classifies else MLPRegressor
    x, y = job.both()
    held = len(job.y_validation) / len(y)
    model = kind(early_stopping=True, validation_fraction=held, random_state=job.seed)
    pipe = make_pipeline(_wide(), _scaled_target(model, job.classifies))
    pipe.fit(x, y)
    return _predict(pipe, job)


def _keras_mlp(job: Job) -> Predict:
    import keras

    from descend.tables.network import batch_size
    from descend.tables.options import DEFAULTS, NetworkOptions

    keras.utils.set_random_seed(job.seed)
    wide = _wide().fit(job.x)
    x, checked = (wide.transform(part).astype("float32") for part in (job.x, job.x_validation))
    mean, sd = (0.0, 1.0) if job.classifies else (job.y.mean(), job.y.std())
    model = keras.Sequential([keras.Input((x.shape[1],))])
    for units in DEFAULTS["mlp"]["hidden"]:
        model.add(keras.layers.Dense(units, "swish"))
    model.add(keras.layers.Dense(1, "sigmoid" if job.classifies else None))
    model.compile(optimizer="adam", loss="binary_crossentropy" if job.classifies else "mse")
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    model.fit(
        x,
        (job.y - mean) / sd,
        batch_size=batch_size(len(x), NetworkOptions(recipe="mlp")),
        epochs=EPOCHS,
        validation_data=(checked, (job.y_validation - mean) / sd),
        callbacks=[stop],
        verbose=0,
    )

    def predict(frame):
        z = model.predict(wide.transform(frame).astype("float32"), verbose=0)[:, 0]
        return mean + sd * z.astype(np.float64)

    return predict


def _lightgbm(job: Job, both: bool) -> Predict:
    import lightgbm

    x, y = job.both() if both else (job.x, job.y)
    categories = _Categories(x, len(x))
    kind = lightgbm.LGBMClassifier if job.classifies else lightgbm.LGBMRegressor
    model = kind(random_state=job.seed, verbose=-1).fit(categories(x), y)
    predict = _predict(model, job)
    return lambda frame: predict(categories(frame))


def _boosting(job: Job) -> Predict:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    categories = _Categories(job.x, MOST_BINS)
    kind = HistGradientBoostingClassifier if job.classifies else HistGradientBoostingRegressor
    model = kind(random_state=job.seed).fit(categories(job.x), job.y)
    predict = _predict(model, job)
    return lambda frame: predict(categories(frame))


def _linear(job: Job) -> Predict:
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline

    ridge = RidgeCV(np.logspace(-3, 3, 13))
    model = LogisticRegression(max_iter=2000) if job.classifies else ridge
    pipe = make_pipeline(_wide(), model)
    pipe.fit(job.x, job.y)
    return _predict(pipe, job)


METHODS = (
    Method("descend", _descend, ("descend",), "TabularClassifier / TabularRegressor as they are"),
    Method(
        "descend mlp",
        lambda job: _descend(job, recipe="mlp"),
        ("descend",),
        'the same with recipe="mlp", the lecture network: 64-64 swish, Adam, early stopping',
    ),
    Method(
        "scikit-learn MLP",
        _sklearn_mlp,
        ("sklearn",),
        "MLPClassifier / MLPRegressor, early stopping, otherwise default",
    ),
    Method(
        "Keras MLP",
        _keras_mlp,
        ("keras", "tensorflow"),
        "64-64 swish, Adam, early stopping, batches as of descend mlp; on TensorFlow",
        (("KERAS_BACKEND", "tensorflow"),),
    ),
    Method("LightGBM", lambda job: _lightgbm(job, False), ("lightgbm",), "default"),
    Method(
        "LightGBM all rows",
        lambda job: _lightgbm(job, True),
        ("lightgbm",),
        "default, on training and validation rows",
    ),
    Method("hist. boosting", _boosting, ("sklearn",), "HistGradientBoosting*, default"),
    Method(
        "linear",
        _linear,
        ("sklearn",),
        "LogisticRegression, or RidgeCV over 13 penalties",
    ),
)


def named(name: str) -> Method:
    return next(method for method in METHODS if method.name == name)
