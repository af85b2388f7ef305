"""Pandas objects in another order are refused wherever two of them are paired, before any work."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from descend import Dense, Input, Model
from descend.alignment import require_aligned
from descend.errors import DataError
from descend.neurons import LinearUnit, LogisticUnit, PoissonUnit, SoftmaxUnit
from descend.neurons.classic import HebbAssociator, Perceptron, ScratchClassifier, ScratchRegressor
from descend.neurons.classic.planes import separability
from descend.tables import TabularClassifier, TabularRegressor
from descend.tables.judging import (
    bootstrap,
    by_group,
    calibration,
    conformal,
    costs,
    coverage,
    discrimination,
    effects,
    importance,
)
from descend.train.many.sweeping import cross_validate, ensemble, sweep

X = pd.DataFrame({"a": [0.3, -1.2, 0.8, 2.0, -0.4, 1.1]}, index=list("uvwxyz"))
Y = pd.Series([0, 1, 0, 1, 1, 0], X.index, name="y")
P = pd.Series([0.2, 0.7, 0.4, 0.9, 0.6, 0.1], X.index)
TURNED = Y.iloc[::-1]  # the same labels in another order
OTHER = Y.set_axis(list("uvwxyq"))  # another label


def model():
    x = Input((1,))
    made = Model(x, Dense(1)(x))
    made.compile("sgd", "mse")
    return made


FITTED = PoissonUnit().fit(X, Y + 1, exposure=np.ones(6))
CLUSTERED = LinearUnit().fit(X, Y)
HELD = (X, TURNED)
CASES = {
    **{
        f"{unit.__name__}.{name}": lambda y, unit=unit, name=name: unit().fit(
            **{"X": X, "y": Y, **({"groups": y} if name == "groups" else {name: y})}
        )
        for unit in (LinearUnit, LogisticUnit, SoftmaxUnit, PoissonUnit)
        for name in ("y", "sample_weight", "groups")
    },
    "PoissonUnit.offset": lambda y: PoissonUnit().fit(X, Y, offset=y),
    "PoissonUnit.exposure": lambda y: PoissonUnit().fit(X, Y, exposure=y),
    "PoissonUnit.predict": lambda y: FITTED.predict(X, exposure=y),
    "PoissonUnit.score": lambda y: FITTED.score(X, y, exposure=np.ones(6)),
    "LinearUnit.score": lambda y: CLUSTERED.score(X, y),
    "with_covariance": lambda y: CLUSTERED.with_covariance("cluster", groups=y),
    "Perceptron": lambda y: Perceptron().fit(X, y),
    "Perceptron.score": lambda y: Perceptron().score(X, y),
    "ScratchClassifier": lambda y: ScratchClassifier().fit(X, y),
    "ScratchClassifier.validation": lambda y: ScratchClassifier().fit(X, Y, validation=(X, y)),
    "ScratchRegressor": lambda y: ScratchRegressor().fit(X, y),
    "HebbAssociator": lambda y: HebbAssociator().fit(X > 0, y),
    "separability": lambda y: separability(X, y),
    "TabularClassifier": lambda y: TabularClassifier().fit(X, y),
    "TabularClassifier.weight": lambda y: TabularClassifier().fit(X, Y, sample_weight=y),
    "TabularClassifier.validation": lambda y: TabularClassifier().fit(X, Y, validation=(X, y)),
    "TabularClassifier.score": lambda y: TabularClassifier().score(X, y),
    "TabularRegressor": lambda y: TabularRegressor().fit(X, y),
    "TabularRegressor.score": lambda y: TabularRegressor().score(X, y),
    "Model.fit": lambda y: model().fit(X, y),
    "Model.fit of a dict": lambda y: model().fit({"input_1": X}, y),
    "Model.fit, weights": lambda y: model().fit(X, Y, sample_weight=y),
    "Model.fit, validation": lambda y: model().fit(X, Y, validation_data=(X, y)),
    "Model.evaluate": lambda y: model().evaluate(X, y),
    "sweep": lambda y: sweep(model(), {"learning_rate": [0.1]}, X, y),
    "ensemble": lambda y: ensemble(model(), X, y, 2),
    "cross_validate": lambda y: cross_validate(model(), X, y, 2),
    "cross_validate, stratify": lambda y: cross_validate(model(), X, Y, 2, stratify=y),
    "bootstrap": lambda y: bootstrap.bootstrap("rmse", y, P),
    "compare": lambda y: bootstrap.compare("rmse", Y, P, y),
    "event_by_group": lambda y: by_group.event_by_group(Y, P, y),
    "values_by_group": lambda y: by_group.values_by_group(y, P, np.ones(6)),
    "reliability": lambda y: calibration.reliability(y, P),
    "brier": lambda y: calibration.brier(y, P),
    "calibrate_intervals": lambda y: conformal.calibrate_intervals(y, P),
    "decide": lambda y: costs.decide(y, P, 0.5),
    "choose_threshold": lambda y: costs.choose_threshold(y, P, costs.Costs(1, 1)),
    "interval_coverage": lambda y: coverage.interval_coverage(y, P, P + 1),
    "discrimination": lambda y: discrimination.discrimination(y, P),
    "gains": lambda y: discrimination.gains(y, P),
    "permutation_importance": lambda y: importance.permutation_importance(len, X, y),
    "average_marginal_effects": lambda y: effects.average_marginal_effects(len, X, weights=y),
}


@pytest.mark.parametrize("call", CASES.values(), ids=CASES)
def test_rows_are_never_paired_by_place_where_their_labels_say_otherwise(call):
    with pytest.raises(DataError, match=r"has the index of .* in another order.*\.loc\["):
        call(TURNED)
    with pytest.raises(DataError, match=r"the indexes of .* differ: row 5 .*'[zq]' in .*'[zq]' in"):
        call(OTHER)


def test_equal_indexes_arrays_and_other_lengths_pass():
    """What has no index goes by place; a length that differs is told with the shapes."""
    frame = X.reset_index(drop=True)
    for given in (
        {"X": X, "y": Y, "w": P},
        {"X": X, "y": Y.to_numpy(), "w": list(P), "g": None},
        {"X": frame, "y": pd.Series(Y.to_numpy(), index=[0, 1, 2, 3, 4, 5])},
        {"X": X, "y": Y.iloc[:3]},
        {"X": [frame, frame], "y": "text"},
    ):
        require_aligned(**given)
    twice = Y.set_axis(list("uuvvww"))
    require_aligned(X=X.set_axis(twice.index), y=twice)
    with pytest.raises(DataError, match="differ: row 1"):
        require_aligned(X=X.set_axis(twice.index), y=twice.set_axis(list("uvuvww")))
    with pytest.raises(DataError, match=r"x\['b'\] has the index of x\['a'\] in another order"):
        require_aligned(x={"a": X, "b": X.iloc[::-1]})
