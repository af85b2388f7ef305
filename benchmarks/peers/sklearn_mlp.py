"""scikit-learn's MLP. It validates only inside `early_stopping`, with a patience never reached."""

from __future__ import annotations

import contextlib
import itertools

import numpy as np


def OPTIONS(work):
    return {}


def set_threads(n):
    import warnings

    import sklearn.neural_network  # noqa: F401
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs asked for are run


def build(work, data, setting, held, *, rate=None, seed=0):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    x, y, extra = data["x"], data["y"], {}
    if held:  # it cuts the rows to validate on itself
        x, y = np.concatenate([x, data["vx"]]), np.concatenate([y, data["vy"]])
        extra = {"early_stopping": True, "validation_fraction": work.held / len(x)}
    kind = MLPRegressor if work.loss == "mse" else MLPClassifier

    model = None

    def fit(epochs):
        nonlocal model
        model = kind(
            hidden_layer_sizes=work.widths[1:-1],
            activation="relu",
            solver="sgd",
            alpha=0.0,
            batch_size=work.batch,
            learning_rate_init=rate or work.learning_rate,
            max_iter=epochs,
            shuffle=True,
            random_state=seed,
            tol=0.0,
            momentum=0.0,
            nesterovs_momentum=False,
            n_iter_no_change=10**9,
            **extra,
        ).fit(x, y)
        assert model.n_iter_ == epochs
        # its squared error is halved
        return {"loss": float(model.loss_curve_[-1]) * (2 if work.loss == "mse" else 1)}

    fit.parameters = lambda: sum(w.size for w in (*model.coefs_, *model.intercepts_))
    return fit


_given: tuple = ()


def _receive(*given):
    global _given
    _given = given
    set_threads(1)


def _train_one(asked):
    work, data, setting = _given
    rate, seed, epochs = asked
    return build(work, data, setting, False, rate=rate, seed=seed)(epochs)["loss"]


@contextlib.contextmanager
def sweeper(work, data, setting):
    from multiprocessing import get_context

    with get_context("spawn").Pool(2, _receive, (work, data, setting)) as pool:
        pool.map(_train_one, [(0.01, 0, 1)] * 4, chunksize=1)  # imported and warm

        def train_all(rates, seeds, epochs):
            asked = [(rate, seed, epochs) for rate, seed in itertools.product(rates, seeds)]
            return pool.map(_train_one, asked, chunksize=1)

        yield train_all
