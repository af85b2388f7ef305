"""The classic units in scikit-learn's hands: its own checks, its tools, and the pictures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from descend import neurons
from descend.errors import DescendError, NotFittedError, ShapeError
from descend.neurons import classic
from descend.neurons.classic import (
    HebbUnit,
    McCullochPitts,
    Perceptron,
    ScratchClassifier,
    ScratchRegressor,
    boundary_steps,
    draw_certificate,
    surface_steps,
)

# Not under these checks, because what they feed cannot be taken: HebbAssociator (both sides must
# be firings of 0 and 1), McCullochPitts and ThresholdNetwork (a given count of inputs, and nothing
# to learn).
SEQUENTIAL = {"updating": "sequential", "learning_rate": 0.1, "momentum": 0.5, "max_iter": 10}


@parametrize_with_checks(
    [
        Perceptron(max_iter=50),
        ScratchClassifier(max_iter=200, random_state=0),
        ScratchClassifier(outtype="logistic", random_state=0, **SEQUENTIAL),
        ScratchRegressor(max_iter=300, random_state=0),
        HebbUnit(max_iter=10),
    ]
)
@pytest.mark.filterwarnings("ignore::Warning")  # the checks' own
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_in_a_pipeline_a_search_and_a_clone():
    x, y = load_iris(return_X_y=True)
    network = ScratchClassifier(hidden=(8,), max_iter=150, random_state=0)
    pipe = make_pipeline(StandardScaler(), network)
    assert cross_val_score(pipe, x, y, cv=5).mean() > 0.93
    search = GridSearchCV(pipe, {"scratchclassifier__learning_rate": [1e-4, 0.5]}, cv=3).fit(x, y)
    assert search.best_params_["scratchclassifier__learning_rate"] == 0.5
    assert clone(network).get_params() == network.get_params()
    unit = McCullochPitts((2, 1), 0.5)
    assert clone(unit).get_params() == {"weights": (2, 1), "threshold": 0.5}


def test_names_are_public():
    for name in classic.__all__:
        assert getattr(classic, name).__doc__
    for name in ("Perceptron", "McCullochPitts", "HebbUnit", "ScratchClassifier", "separability"):
        assert name in neurons.__all__
        assert getattr(neurons, name) is getattr(classic, name)


X, AND = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 0, 0, 1])


def test_the_boundary_step_by_step():
    unit = Perceptron(start="zeros").fit(X, AND)
    figure = classic.boundary_steps(unit, X, AND)
    assert len(figure.axes) == 8
    assert figure.axes[-1].get_title() == "10 corrections, all right"
    # the last full line is the learned one: both its ends give w'x = 0
    line = [one for one in figure.axes[-1].lines if one.get_linestyle() == "-"][-1]
    ends = np.column_stack(line.get_data())
    np.testing.assert_allclose(unit.decision_function(ends), 0, atol=1e-12)
    # the ring of a panel is around the row of its last correction
    one = classic.boundary_steps(unit, X, AND, [3]).axes[0]
    ring = next(mark for mark in one.lines if mark.get_markersize() == 18)
    np.testing.assert_array_equal(np.ravel(ring.get_data()), X[unit.updates_[2, 1]])


def test_surfaces_and_certificates_and_figure_4_9():
    xor = np.array([0, 1, 1, 0])
    network = ScratchClassifier(hidden=(6,), max_iter=500, random_state=0)
    figure = classic.surface_steps(network, X, xor, [1, 500])
    assert [ax.get_title() for ax in figure.axes][1] == "500 iterations: 4 of 4 right"
    assert not hasattr(network, "weights_")  # only copies were fitted
    proof = classic.draw_certificate(classic.separability(X, xor).certificate, X, xor)
    star = next(mark for mark in proof.axes[0].lines if mark.get_marker() == "*")
    np.testing.assert_allclose(np.ravel(star.get_data()), [0.5, 0.5])
    assert len(classic.draw_figure_4_9().axes) == 4
    with pytest.raises(DescendError, match="set random_state"):
        classic.surface_steps(ScratchClassifier(), X, xor, [1])
    rows, answers = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 1]
    with pytest.raises(NotFittedError, match=r"this Perceptron is not fitted; call fit\(X, y\)"):
        boundary_steps(Perceptron(), rows, answers)
    with pytest.raises(DescendError, match="draws a fitted Perceptron, got 3"):
        boundary_steps(3, rows, answers)
    unit = Perceptron(start="zeros").fit(rows, answers)
    with pytest.raises(DescendError, match=r"corrections must be .* from 0 to 4, got \[9\]"):
        boundary_steps(unit, rows, answers, corrections=[9])
    with pytest.raises(ShapeError, match="labels must be one for each of 4"):
        boundary_steps(unit, rows, answers[:2])
    with pytest.raises(DescendError, match="iterations must be .* >= 1, got 3"):
        surface_steps(Perceptron(random_state=0), rows, answers, 3)
    with pytest.raises(DescendError, match="draws a Certificate, got None"):
        draw_certificate(None, rows, answers)
    with pytest.raises(ShapeError, match="two inputs"):
        classic.surface_steps(network, np.ones((4, 3)), xor, [1])


def test_a_bar_on_a_terminal_and_silence_elsewhere(monkeypatch, capsys):
    """The bar goes to standard error; what is learned does not depend on it."""
    quiet = ScratchClassifier(max_iter=20, random_state=0, verbose=1).fit(X, AND)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    shown = ScratchClassifier(max_iter=20, random_state=0, verbose=1).fit(X, AND)
    Perceptron(random_state=0, verbose=1).fit(X, AND)
    HebbUnit(max_iter=3, verbose=1).fit(X)
    out, err = capsys.readouterr()
    assert out == ""
    assert "iteration 20/20" in err
    assert "wrong rows 0" in err
    assert "length" in err
    np.testing.assert_array_equal(quiet.weights_[0], shown.weights_[0])
