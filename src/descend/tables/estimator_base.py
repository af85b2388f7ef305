"""What the estimators of tables share: columns in, training, pickling; scikit-learn's rules."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from descend.data.frames import load_frame, require_names
from descend.data.table import unknown_column
from descend.errors import DataError, DataWarning, DescendError, unknown
from descend.tables.columns import KINDS
from descend.tables.encoder import Encoder, Part
from descend.tables.heads import Head
from descend.tables.network import train_network
from descend.tables.options import NetworkOptions
from descend.train.model.model import Model
from descend.train.saving.loading import load_model

LEAST_HELD_OUT = 2  # rows; with fewer the training rows are validated on
PIECE = 256  # rows that are predicted at once


class TabularEstimator(BaseEstimator):
    """What classifier and regressor share; see TabularRegressor for the arguments."""

    def __init__(
        self,
        *,
        recipe: str = "realmlp",
        hidden: tuple[int, ...] | None = None,
        activation: str | None = None,
        members: int | None = None,
        periodic: bool | None = None,
        epochs: int | None = None,
        patience: int | None = None,
        batch_size: int | None = None,
        optimizer: str | None = None,
        learning_rate: float | None = None,
        dropout: float | None = None,
        l2: float = 0.0,
        kinds: Mapping[str, str] | None = None,
        text: Sequence[str] | None = None,
        validation_share: float = 0.2,
        random_state: int | np.random.RandomState | None = 0,
        verbose: int = 0,
    ):
        self.recipe = recipe
        self.hidden = hidden
        self.activation = activation
        self.members = members
        self.periodic = periodic
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.l2 = l2
        self.kinds = kinds
        self.text = text
        self.validation_share = validation_share
        self.random_state = random_state
        self.verbose = verbose

    def _options(self) -> NetworkOptions:
        names = NetworkOptions.__dataclass_fields__
        arguments = {n: getattr(self, n) for n in names if n != "seed"}
        if isinstance(arguments["hidden"], list):
            arguments["hidden"] = tuple(arguments["hidden"])
        return NetworkOptions(**arguments, seed=self._seed())

    def _seed(self) -> int:
        state = self.random_state
        if isinstance(state, (int, np.integer)):
            return int(state)
        with refused():
            return int(check_random_state(state).randint(2**31 - 1))

    def _frame(self, X: Any, reset: bool) -> pd.DataFrame:
        """X as a table with the columns of `fit`; an array's are x0, x1, ..."""
        if hasattr(X, "__arrow_c_stream__") and not isinstance(X, pd.DataFrame):
            X = load_frame(X, name="X").frame  # polars, Arrow
        if not isinstance(X, pd.DataFrame):
            with refused():
                array = validate_data(
                    self,
                    X,
                    reset=reset,
                    dtype=None,
                    ensure_all_finite="allow-nan",
                    ensure_min_samples=2 if reset else 1,
                )
            X = pd.DataFrame(array)
            names = [f"x{i}" for i in range(array.shape[1])]
        else:
            if len(X) < (2 if reset else 1) or not X.shape[1]:
                raise DataError(
                    f"X has {len(X)} row(s) and {X.shape[1]} column(s): n_samples={len(X)} is too "
                    f"few; expected at least {2 if reset else 1} row(s) and a column"
                )
            require_names("X", [str(c) for c in X.columns])
            with refused():
                validate_data(self, X, reset=reset, skip_check_array=True)
            names = [str(c) for c in X.columns]
        if reset:
            self.columns_ = names
        elif not set(self.columns_) <= set(names):
            names = self.columns_  # names of the one kind where `fit` had the other
        return X.set_axis(names, axis="columns").reset_index(drop=True)

    def _train(
        self,
        frame: pd.DataFrame,
        y: np.ndarray,
        head: Head,
        weight: np.ndarray | None,
        labels: np.ndarray | None,
        validation: tuple[pd.DataFrame, np.ndarray, np.ndarray | None] | None,
    ) -> None:
        """Fit encoder and network; `y` as the head takes it, `labels` to divide rows alike."""
        options = self._options()
        share = self.validation_share
        if not isinstance(share, (float, np.floating)) or not 0 < share < 1:
            raise DataError(f"validation_share must lie between 0 and 1, got {share!r}")
        if not isinstance(self.kinds or {}, Mapping):
            raise DataError(f"kinds must be a dict {{column: kind}}, got {self.kinds!r}")
        if isinstance(self.text, str) or not isinstance(self.text or (), Sequence):
            raise DataError(f"text must be a list of columns, got {self.text!r}")
        kinds = {**(self.kinds or {}), **dict.fromkeys(self.text or (), "text")}
        for name, kind in kinds.items():
            if name not in self.columns_:
                raise unknown_column(name, self.columns_, "X")
            if kind not in KINDS:
                raise unknown("kind of column", kind, KINDS)
        train = held_out = np.arange(len(frame))
        if validation is None and len(frame) * share >= LEAST_HELD_OUT:
            train, held_out = _divide(len(frame), share, labels, options.seed)
        self.encoder_ = Encoder.fit(frame.iloc[train], kinds=kinds, **options.encoding)
        self.head_ = head
        x = self.encoder_.transform(frame, "X")[0]
        targets = head.forward(y)

        def part(rows: np.ndarray) -> Part:
            return Part(x.rows(rows), targets[rows], None if weight is None else weight[rows])

        if options.batch_size is not None:  # a fold may hold fewer rows than the table it is of
            options = replace(options, batch_size=min(options.batch_size, len(train)))
        checks = part(held_out)
        if validation is not None:
            checked, y_checked, w_checked = validation
            x_checked = self.encoder_.transform(checked, "the validation rows")[0]
            checks = Part(x_checked, head.forward(y_checked), w_checked)
        trained = train_network(
            self.encoder_, head, options, part(train), checks, verbose=self.verbose
        )
        self.model_, self.history_ = trained.model, trained.history
        self.best_epoch_ = trained.best_epoch
        self.n_iter_ = len(trained.history)

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network puts out, (n, members, o)."""
        check_is_fitted(self)
        x, noted = self.encoder_.transform(self._frame(X, False), "X")
        if any(noted[c.name].is_news(c) for c in self.encoder_.columns if c.name in noted):
            lines = "\n  ".join(self.encoder_.remarks(noted))
            warnings.warn(f"rows unlike those of training:\n  {lines}", DataWarning, stacklevel=3)
        # pieces of one size: a row's last digits do not depend on how many others are asked about
        outputs = np.asarray(self.model_.predict(x.inputs(), batch_size=PIECE))
        return outputs if outputs.ndim == 3 else outputs[:, None]

    def predict_members(self, X: Any) -> np.ndarray:
        """Predict with every member, (members, n, ...): of a class its probability."""
        return np.moveaxis(self.head_.backward(self._outputs(X)), 1, 0)

    def spread(self, X: Any) -> np.ndarray:
        """Standard deviation of the members' predictions, (n, ...): large where they disagree.

        It says how much a prediction depends on the training's chance, not how far the truth may
        lie from it: for that see `descend.tables.judging.conformal`. Zero for a single member.
        """
        return self.predict_members(X).std(axis=0)

    def __getstate__(self) -> dict[str, Any]:
        """The network as the bytes of its file: description and weights, no code."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = _packed(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            state = {**state, "model_": _unpacked(state["model_"])}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


@contextlib.contextmanager
def refused(*kinds: type[Exception]) -> Iterator[None]:
    """What scikit-learn's checks refuse becomes a DataError, in the words that its tools expect.

    Args:
        kinds: further errors that do. Not a TypeError about X: its estimator checks look for that.
    """
    of_scikit_learn: tuple[type[Exception], ...] = (ValueError, *kinds)
    try:
        yield
    except DescendError:
        raise
    except of_scikit_learn as error:
        raise DataError(str(error)) from None


def parts_of(validation: Any) -> tuple[Any, Any, Any]:
    """(X, y, weights or None) of what `fit` is given as validation rows; DataError for others."""
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise DataError(
            f"validation must be (X, y) or (X, y, sample_weight), got {type(validation).__name__}"
        )
    x, y, *weight = validation
    return x, y, weight[0] if weight else None


def _packed(model: Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.descend"
        model.save(path)
        return path.read_bytes()


def _unpacked(content: bytes) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.descend"
        path.write_bytes(content)
        return load_model(path)


def _divide(
    n: int, share: float, labels: np.ndarray | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(training, held-out) rows, of the classes alike where each has enough rows."""
    size = max(int(np.ceil(n * share)), 1)
    if labels is not None:
        counts = np.unique(labels, return_counts=True)[1]
        if counts.min() < 2 or len(counts) > min(size, n - size):
            labels = None
    train, test = train_test_split(np.arange(n), test_size=size, random_state=seed, stratify=labels)
    return np.sort(train), np.sort(test)
