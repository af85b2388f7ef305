"""The network from scratch: the slide's code, finite differences, and the trainer bit for bit."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest
from sklearn.datasets import load_iris

from descend import Dense, Input, Sequential
from descend.errors import DataError, DescendError, DivergenceError, ShapeError
from descend.neurons.classic import ScratchClassifier, ScratchRegressor, scratch
from descend.nn.activations import sigmoid
from descend.nn.losses import SquaredError
from descend.train.rules import SGD

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float), np.array([0, 1, 1, 0])


def trained_by_the_engine(unit, x, t, start, epochs):
    """The same network as a Sequential trained by `fit`, its weights shaped as `weights_`."""
    g = functools.partial(sigmoid, beta=unit.beta) if unit.beta != 1 else "sigmoid"
    last = {"linear": None, "logistic": g, "softmax": "softmax"}[unit.outtype]
    sequential = unit.updating == "sequential"
    with jax.enable_x64(unit.dtype == "float64"):
        layers = [
            Dense(w.shape[1], g if i < len(start) - 1 else last, name=f"layer{i}")
            for i, w in enumerate(start)
        ]
        model = Sequential([Input((x.shape[1],)), *layers])
        model.params = {
            f"layer{i}": {"kernel": w[1:].astype(unit.dtype), "bias": w[0].astype(unit.dtype)}
            for i, w in enumerate(start)
        }
        loss = "categorical_crossentropy" if unit.outtype == "softmax" else SquaredError()
        model.compile(SGD(unit.learning_rate, momentum=unit.momentum), loss)
        history = model.fit(
            x.astype(unit.dtype),
            t.astype(unit.dtype),
            batch_size=1 if sequential else len(x),
            epochs=epochs,
            shuffle=sequential,
            seed=unit.random_state,
            verbose=0,
        )
        arrays = [model.params[f"layer{i}"] for i in range(len(start))]
        found = [np.vstack([np.asarray(a["bias"])[None], np.asarray(a["kernel"])]) for a in arrays]
    return found, np.array(history.history["loss"])


def problem():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(24, 3)), rng.integers(0, 3, 24)
    start = [0.5 * rng.normal(size=shape) for shape in ((4, 5), (6, 4), (5, 3))]
    return x, labels, start


@pytest.mark.parametrize("updating", ["batch", "sequential"])
@pytest.mark.parametrize("outtype", scratch.OUTTYPES)
def test_bit_comparable_to_the_engine(outtype, updating):
    """Same weights, same order of rows: 50 batch updates, or 96 sequential ones, with momentum.

    The two differ in the last bits of whatever precision they compute in: exp has another
    implementation, products and sums are added up in another order (the bias is an input here, an
    addition there), and XLA may multiply and add in one rounding. In float64 that is 1e-15, so that
    every weight is the same float32 number to the last bit; in float32 it is a few 1e-7.
    """
    x, labels, start = problem()
    epochs = 50 if updating == "batch" else 4
    unit = ScratchClassifier(
        hidden=(5, 4),
        outtype=outtype,
        beta=1.0 if outtype == "softmax" else 1.5,
        learning_rate=0.1,
        momentum=0.9,
        updating=updating,
        max_iter=epochs,
        random_state=3,
    )
    unit.fit(x, labels, start=start)
    theirs, costs = trained_by_the_engine(unit, x, np.eye(3)[labels], start, epochs)
    moved = np.concatenate([(a - b).ravel() for a, b in zip(unit.weights_, start, strict=True)])
    assert np.abs(moved).max() > 0.1  # the agreement is not that of standing still
    for ours, engine in zip(unit.weights_, theirs, strict=True):
        assert engine.dtype == np.float64
        np.testing.assert_allclose(ours, engine, rtol=0, atol=1e-14)
        np.testing.assert_array_equal(ours.astype(np.float32), engine.astype(np.float32))
    np.testing.assert_allclose(unit.history_["loss"], costs, rtol=1e-13)
    unit.set_params(dtype="float32").fit(x, labels, start=start)
    theirs, costs = trained_by_the_engine(unit, x, np.eye(3)[labels], start, epochs)
    for ours, engine in zip(unit.weights_, theirs, strict=True):
        assert ours.dtype == engine.dtype == np.float32
        np.testing.assert_allclose(ours, engine, rtol=0, atol=2e-6)
    np.testing.assert_allclose(unit.history_["loss"], costs, rtol=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outtype", scratch.OUTTYPES)
def test_bit_equal_where_nothing_is_rounded(outtype, dtype):
    """From hidden weights of zero every number of the first update is a short binary fraction:
    hidden neurons answer 1/2, outputs 0 or 1/2, slopes 1/4. Then no bit differs."""
    x = np.array([[1, -2], [3, 0.5], [-1, 1], [0, 2]])
    labels = np.array([0, 1, 1, 1])
    start = [np.zeros((3, 2)), np.array([[-1.0, 1.0], [1.5, -0.5], [0.5, -1.5]])]
    if outtype != "softmax":
        start[1] = start[1][:, :1]
    unit = ScratchClassifier(
        hidden=(2,), outtype=outtype, learning_rate=0.5, max_iter=1, dtype=dtype, random_state=0
    )
    unit.fit(x, labels, start=start)
    t = np.eye(2)[labels] if outtype == "softmax" else labels[:, None]
    theirs, _ = trained_by_the_engine(unit, x, t, start, 1)
    for ours, engine, before in zip(unit.weights_, theirs, start, strict=True):
        assert (ours != before).any()
        np.testing.assert_array_equal(ours, engine, strict=True)


@pytest.mark.parametrize("outtype", scratch.OUTTYPES)
def test_backwards_phase_is_the_gradient(outtype):
    """Finite differences of the summed loss in float64; steps of 1e-6 leave 1e-9."""
    rng = np.random.default_rng(1)
    for beta in (1.0, 0.7):
        weights = [rng.normal(size=s) for s in ((3, 4), (5, 3), (4, 2))]
        x = rng.normal(size=(6, 2))
        t = np.eye(2)[rng.integers(0, 2, 6)]

        def cost(w, x=x, t=t, beta=beta):
            return scratch.losses(scratch.forwards(x, w, outtype, beta)[-1], t, outtype).sum()

        passed = scratch.forwards(x, weights, outtype, beta)
        for i, gradient in enumerate(scratch.backwards(passed, t, weights, outtype, beta)):
            for place in np.ndindex(gradient.shape):
                moved = [[w.copy() for w in weights] for _ in range(2)]
                moved[0][i][place] += 1e-6
                moved[1][i][place] -= 1e-6
                slope = (cost(moved[0]) - cost(moved[1])) / 2e-6
                assert gradient[place] == pytest.approx(slope, abs=1e-8)


def test_batch_updates_are_the_slides_code():
    """ "ACTION REQUIRED – MLP": transcribed, with its bias node behind the others."""
    rng = np.random.default_rng(2)
    x, labels = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    unit = ScratchClassifier(
        hidden=(4,), outtype="logistic", learning_rate=0.1, momentum=0, reduction="sum", max_iter=30
    ).fit(x, labels, start=(start := [rng.normal(size=(4, 4)), rng.normal(size=(5, 1))]))
    inputs, targets, eta = np.hstack([x, np.ones((20, 1))]), labels[:, None], 0.1
    weights1, weights2 = (np.roll(w, -1, axis=0) for w in start)
    for _ in range(30):
        hidden = 1.0 / (1.0 + np.exp(-np.dot(inputs, weights1)))
        hidden = np.concatenate((hidden, np.ones((20, 1))), axis=1)
        outputs = 1.0 / (1.0 + np.exp(-np.dot(hidden, weights2)))
        deltao = (targets - outputs) * outputs * (1.0 - outputs)
        deltah = hidden * (1.0 - hidden) * np.dot(deltao, np.transpose(weights2))
        weights1 += eta * np.dot(np.transpose(inputs), deltah[:, :-1])
        weights2 += eta * np.dot(np.transpose(hidden), deltao)
    for ours, slide in zip(unit.weights_, (weights1, weights2), strict=True):
        np.testing.assert_allclose(np.roll(ours, -1, axis=0), slide, rtol=1e-12, atol=1e-13)


def test_output_types_are_the_slides():
    """ "DIFFERENT ACTIVATION FCT"; and the softmax does not overflow where the slide's does."""
    h = np.array([[0.5, -1.0, 2.0], [3.0, 3.0, 3.0]])
    np.testing.assert_array_equal(scratch.output(h, "linear", 2.0), h)
    np.testing.assert_allclose(scratch.output(h, "logistic", 2.0), 1.0 / (1.0 + np.exp(-2 * h)))
    powers = np.exp(h)
    np.testing.assert_allclose(
        scratch.output(h, "softmax", 2.0), powers / powers.sum(axis=1)[:, None]
    )
    assert scratch.output(np.array([[1e4, 0.0]]), "softmax", 1.0).tolist() == [[1, 0]]
    with pytest.raises(DescendError, match="unknown outtype 'logistik'. Did you mean 'logistic'"):
        scratch.output(h, "logistik", 1.0)


@pytest.mark.parametrize("outtype", scratch.OUTTYPES)
def test_xor_is_learned(outtype):
    """ "this MLP can indeed learn the logic functions, especially the XOR": 6 of 6 seeds."""
    for seed in range(6):
        unit = ScratchClassifier(hidden=(6,), outtype=outtype, max_iter=2000, random_state=seed)
        unit.set_params(learning_rate={"linear": 0.3, "logistic": 2.0, "softmax": 0.5}[outtype])
        assert unit.fit(*XOR).score(*XOR) == 1, seed
    assert unit.history_["loss"][-1] < 0.05 < unit.history_["loss"][0]


def test_sequential_learns_xor_and_does_not_depend_on_the_order_alone():
    for seed in range(3):
        unit = ScratchClassifier(
            hidden=(6,), outtype="logistic", updating="sequential", max_iter=500, random_state=seed
        )
        assert unit.fit(*XOR).score(*XOR) == 1
    again = ScratchClassifier(**unit.get_params()).fit(*XOR)
    for one, other in zip(unit.weights_, again.weights_, strict=True):
        np.testing.assert_array_equal(one, other)
    fixed = ScratchClassifier(**{**unit.get_params(), "shuffle": False}).fit(*XOR)
    assert any((a != b).any() for a, b in zip(unit.weights_, fixed.weights_, strict=True))


def test_early_stopping_keeps_the_weights_of_the_least_validation_error():
    rng = np.random.default_rng(0)
    x, y = load_iris(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = np.where(rng.random(150) < 0.2, rng.integers(0, 3, 150), y)  # noise to fit
    rows = rng.permutation(150)
    train, held = rows[:60], rows[60:]
    unit = ScratchClassifier(hidden=(20,), max_iter=5000, check_every=20, random_state=0)
    unit.fit(x[train], y[train], validation=(x[held], y[held]))
    assert unit.stopped_
    assert unit.n_iter_ < 5000
    checks = np.array(unit.history_["val_loss"])[19::20]
    p = unit.predict_proba(x[held])[np.arange(90), y[held]]
    assert -np.log(p).mean() == pytest.approx(checks.min(), rel=1e-9)
    assert checks.argmin() == len(checks) - 3  # two checks without a fall, and then no more
    without = ScratchClassifier(hidden=(20,), max_iter=unit.n_iter_ * 5, random_state=0)
    without.fit(x[train], y[train])
    worse = -np.log(without.predict_proba(x[held])[np.arange(90), y[held]]).mean()
    assert worse > checks.min() + 0.05
    with pytest.raises(DataError, match="class 7 was not among"):
        unit.fit(x[train], y[train], validation=(x[held], np.full(90, 7)))


def test_regression_of_one_and_two_outputs():
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, (200, 1))
    y = np.hstack([np.sin(2 * x), x**2])
    unit = ScratchRegressor(hidden=(20,), max_iter=3000, random_state=0).fit(x, y)
    assert unit.score(x, y) > 0.97
    assert unit.predict(x).shape == (200, 2)
    one = ScratchRegressor(hidden=(20,), max_iter=50, random_state=0).fit(x, y[:, 0])
    assert one.predict(x).shape == (200,)
    # without hidden neurons it is linear regression, and ends at ordinary least squares
    line = ScratchRegressor(hidden=(), max_iter=400, random_state=0).fit(x, y[:, 0])
    b = np.linalg.lstsq(np.hstack([np.ones((200, 1)), x]), y[:, 0], rcond=None)[0]
    np.testing.assert_allclose(line.weights_[0][:, 0], b, rtol=1e-6)


def test_errors():
    x, y = XOR
    with pytest.raises(DivergenceError, match="no longer finite in iteration"):
        ScratchRegressor(learning_rate=1e3, random_state=0).fit(x, y)
    with pytest.raises(ShapeError, match=r"shapes \[\(3, 8\), \(9, 2\)\]"):
        ScratchClassifier().fit(x, y, start=[np.zeros((2, 8)), np.zeros((9, 2))])
    with pytest.raises(DataError, match="between 0 and 1"):
        ScratchRegressor(outtype="logistic").fit(x, 2.0 * y)
    with pytest.raises(DescendError, match="unknown outtype 'softmax'"):
        ScratchRegressor(outtype="softmax").fit(x, y)
    with pytest.raises(DescendError, match="hidden must hold counts"):
        ScratchClassifier(hidden=(3, 0)).fit(x, y)
    with pytest.raises(DescendError, match=r"momentum must lie in \[0, 1\)"):
        ScratchClassifier(momentum=1).fit(x, y)
    with pytest.raises(DescendError, match="hidden must hold counts .*got 3"):
        ScratchClassifier(hidden=3).fit(x, y)
    with pytest.raises(DataError, match=r"validation must be a pair \(X, y\)"):
        ScratchClassifier().fit(x, y, validation=x)
    with pytest.raises(DataError, match="start must be a list of arrays"):
        ScratchClassifier().fit(x, y, start=3)
    with pytest.raises(DataError, match="validation rows are 4, their targets 3"):
        ScratchClassifier().fit(x, y, validation=(x, y[:3]))
    assert not hasattr(ScratchClassifier(outtype="linear"), "predict_proba")
