"""The perceptron: the lecture's loops transcribed, a run by hand, the bound of Novikoff."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from descend.errors import DataError, DescendError
from descend.neurons.classic import InseparableError, Perceptron, mistake_bound, separability

TABLE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # the order of the lecture's OR data
TARGETS = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "NOR": [1, 0, 0, 0]}


def separable_sets(count, seed=0):
    """Random rows and the answers of a random plane; sizes, scales and margins of all kinds."""
    rng = np.random.default_rng(seed)
    while count:
        n, k = rng.integers(4, 40), rng.integers(1, 6)
        x = rng.normal(size=(n, k)) * rng.uniform(0.1, 10) + rng.normal(size=(1, k))
        z = x @ rng.normal(size=k) + rng.normal()
        t = (z > np.median(z)).astype(int)
        if t.min() < t.max():
            count -= 1
            yield x, t


def lecture_sequential(x, t, weights, eta, iterations):
    """The loops of "PERCEPTRON IMPLEMENTATION" with the update (3.5), bias input 1 in front."""
    inputs = np.hstack([np.ones((len(x), 1)), x])
    weights, corrections = weights.copy(), 0
    for _ in range(iterations):
        for data in range(len(inputs)):
            for n in range(weights.shape[1]):
                activation = 0.0
                for m in range(weights.shape[0]):
                    activation += weights[m][n] * inputs[data][m]
                y = 1 if activation > 0 else 0
                corrections += y != t[data][n]
                for m in range(weights.shape[0]):
                    weights[m][n] -= eta * (y - t[data][n]) * inputs[data][m]
        if (np.where(inputs @ weights > 0, 1, 0) == t).all():
            break
    return weights, corrections


@pytest.mark.parametrize("gate", TARGETS)
@pytest.mark.parametrize("updating", ["sequential", "batch"])
@pytest.mark.parametrize("seed", range(5))
def test_gates_are_learned(gate, updating, seed):
    unit = Perceptron(updating=updating, random_state=seed).fit(TABLE, TARGETS[gate])
    assert unit.converged_
    assert unit.predict(TABLE).tolist() == TARGETS[gate]
    assert unit.mistakes_[0] <= unit.bound_[0]
    assert unit.history_["wrong_rows"][-1] == 0


def test_the_lectures_or_data_by_hand():
    """From zeros with eta 1/4: (0,1) raises bias and w2; (0,0) lowers the bias; (1,0) raises
    bias and w1; (0,0) lowers the bias once more; then the line x1 + x2 = 0 is right."""
    unit = Perceptron(start="zeros", learning_rate=0.25).fit(TABLE, TARGETS["OR"])
    assert unit.weights_.ravel().tolist() == [0, 0.25, 0.25]
    assert unit.updates_.tolist() == [[0, 1, 0, 1], [1, 0, 0, -1], [1, 2, 0, 1], [2, 0, 0, -1]]
    assert unit.n_iter_ == 3
    assert unit.history_ == {"mistakes": [1, 2, 1], "wrong_rows": [1, 1, 0]}
    # R^2 = 3 (the row (1, 1) with its bias), g = 1/3 (u = (-1, 2, 2) / 3): nine times three
    assert unit.bound_[0] == pytest.approx(27, rel=1e-12)
    np.testing.assert_allclose(unit.separability_[0].weights, np.array([-1, 2, 2]) / 3, atol=1e-12)


def test_sequential_is_the_lectures_loops():
    rng = np.random.default_rng(1)
    for case in range(30):
        x, t = rng.normal(size=(90, 3)), rng.integers(0, 2, (90, 2))
        if case % 2:  # what can be learned too, and stops early
            t = (x @ rng.normal(size=(3, 2)) > 0).astype(int)
        unit = Perceptron(max_iter=8, random_state=case, prove=False).fit(x, t)
        weights, corrections = lecture_sequential(x, t, unit.start_, 0.25, 8)
        # the sums are added up in another order
        np.testing.assert_allclose(unit.weights_, weights, rtol=1e-11, atol=1e-12)
        assert unit.mistakes_.sum() == corrections == sum(unit.history_["mistakes"])


def test_batch_is_the_lectures_one_line():
    rng = np.random.default_rng(2)
    x, targets = rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 2))
    unit = Perceptron(max_iter=7, updating="batch", random_state=0).fit(x, targets)
    inputs, weights = np.hstack([np.ones((40, 1)), x]), unit.start_.copy()
    for _ in range(7):
        activations = np.where(np.dot(inputs, weights) > 0, 1, 0)
        weights -= 0.25 * np.dot(np.transpose(inputs), activations - targets)
    np.testing.assert_allclose(unit.weights_, weights, rtol=1e-12, atol=1e-13)


def test_1000_random_separable_sets_stop_within_the_bound():
    shares, classic = [], []
    for i, (x, t) in enumerate(separable_sets(1000)):
        start = "zeros" if i % 2 else "small"
        unit = Perceptron(max_iter=10**6, start=start, random_state=i).fit(x, t)
        assert unit.converged_
        assert (unit.predict(x) == t).all()
        assert unit.mistakes_[0] <= unit.bound_[0]
        shares.append(unit.mistakes_[0] / unit.bound_[0])
        if start == "zeros":
            classic.append(unit.bound_[0] / unit.separability_[0].bound)
    # the bound is no empty one: some set comes within a factor of three
    assert max(shares) > 1 / 3
    # and from zeros it is (R / g)^2
    np.testing.assert_allclose(classic, 1, rtol=1e-9)


def test_the_bound_holds_in_batches_and_from_far_away():
    for i, (x, t) in enumerate(separable_sets(60, seed=5)):
        unit = Perceptron(max_iter=10**5, updating="batch", random_state=i).fit(x, t)
        assert unit.converged_
        assert unit.mistakes_[0] <= unit.bound_[0]
        # a start that is wrong by much: eta small beside the first weights
        unit.set_params(updating="sequential", learning_rate=1e-3).fit(x, t)
        assert unit.converged_
        assert unit.mistakes_[0] <= unit.bound_[0]
    found, far = separability(TABLE, TARGETS["OR"]), np.array([3.0, -4.0, 0.0])
    assert mistake_bound(found, far) > mistake_bound(found, 0 * far) == pytest.approx(27)


def test_the_learning_rate_changes_nothing_from_zeros():
    for x, t in separable_sets(10, seed=3):
        fast = Perceptron(start="zeros", learning_rate=2.0, max_iter=10**5).fit(x, t)
        slow = Perceptron(start="zeros", learning_rate=2.0**-6, max_iter=10**5).fit(x, t)
        np.testing.assert_array_equal(fast.updates_, slow.updates_)
        np.testing.assert_array_equal(fast.weights_, slow.weights_ * 2**7)


def test_xor_is_refused_with_a_certificate():
    with pytest.raises(InseparableError, match=r"No plane separates.*1/2 of row 1.*hidden layer"):
        Perceptron(inseparable="refuse").fit(TABLE, [0, 1, 1, 0])
    unit = Perceptron(max_iter=200, random_state=0).fit(TABLE, [0, 1, 1, 0])
    assert not unit.converged_
    assert unit.n_iter_ == 200
    assert min(unit.history_["wrong_rows"]) >= 1
    assert unit.separability_[0].certificate.exact
    assert unit.bound_[0] == np.inf
    # a neuron among several is named
    both = np.array([[0, 0], [1, 1], [1, 1], [1, 0]])
    with pytest.raises(InseparableError, match="Neuron 1: No plane"):
        Perceptron(inseparable="refuse").fit(TABLE, both)


def test_several_outputs_and_several_classes():
    gates = np.array([TARGETS[g] for g in TARGETS]).T
    unit = Perceptron(random_state=0).fit(TABLE, gates)
    assert unit.converged_
    np.testing.assert_array_equal(unit.predict(TABLE), gates)
    assert unit.weights_.shape == (3, 4)
    assert (unit.mistakes_ <= unit.bound_).all()
    # neurons do not see each other: each learns as it would alone, from the same start
    corners = np.array([[0, 0], [4, 0], [0, 4], [4, 4]])
    x = np.repeat(corners, 15, axis=0) + np.random.default_rng(0).uniform(-1, 1, (60, 2))
    names = np.repeat(["a", "b", "c", "d"], 15)
    many = Perceptron(random_state=1).fit(x, names)
    assert many.converged_
    assert (many.predict(x) == names).all()
    assert many.coef_.shape == (4, 2)
    np.testing.assert_allclose(
        many.decision_function(x), x @ many.coef_.T + many.intercept_[None], atol=1e-12
    )


def test_setosa_is_separable_versicolor_is_not():
    """Fisher's iris: "real data sets can look like this too"."""
    x, y = load_iris(return_X_y=True)
    unit = Perceptron(max_iter=50, random_state=0).fit(x, y)
    assert [s.separable for s in unit.separability_] == [True, False, False]
    assert unit.mistakes_[0] <= unit.bound_[0]


def test_the_bias_input():
    """-1 as well as 1 will do; without one the line goes through the origin."""
    for bias_input in (-1.0, 5.0):
        unit = Perceptron(bias_input=bias_input, random_state=0).fit(TABLE, TARGETS["NAND"])
        assert unit.converged_
        line = TABLE @ unit.coef_[0] + unit.intercept_[0]
        np.testing.assert_allclose(line, unit.decision_function(TABLE), atol=1e-12)
    no_bias = Perceptron(bias_input=None, random_state=0).fit(TABLE, TARGETS["OR"])
    assert no_bias.converged_
    assert no_bias.weights_.shape == (2, 1)
    with pytest.raises(InseparableError):  # a silent input can fire nothing
        Perceptron(bias_input=None, inseparable="refuse").fit(TABLE, TARGETS["NAND"])


def test_weights_are_replayed():
    x, t = next(separable_sets(1, seed=9))
    for updating in ("sequential", "batch"):
        unit = Perceptron(updating=updating, max_iter=10**5, random_state=0).fit(x, t)
        np.testing.assert_array_equal(unit.weights_after(x, 0), unit.start_)
        last = unit.weights_after(x, len(unit.updates_))
        np.testing.assert_allclose(last, unit.weights_, rtol=1e-9, atol=1e-10)
        with pytest.raises(DescendError, match="between 0 and"):
            unit.weights_after(x, len(unit.updates_) + 1)


def test_errors():
    with pytest.raises(DescendError, match=r"unknown choice of updating 'batches'. Did you mean"):
        Perceptron(updating="batches").fit(TABLE, TARGETS["OR"])
    with pytest.raises(DescendError, match="learning_rate must be a finite number > 0, got 0"):
        Perceptron(learning_rate=0).fit(TABLE, TARGETS["OR"])
    with pytest.raises(DescendError, match="bias_input must be a finite number, got 'one'"):
        Perceptron(bias_input="one").fit(TABLE, TARGETS["OR"])
    with pytest.raises(DescendError, match="max_iter must be a whole number >= 1, got True"):
        Perceptron(max_iter=True).fit(TABLE, TARGETS["OR"])
    with pytest.raises(DataError, match="'a' in every row"):
        Perceptron().fit(TABLE, ["a"] * 4)
    with pytest.raises(DataError, match="zeros and ones, one column a neuron"):
        Perceptron().fit(TABLE, [[0, 3], [1, 2], [1, 1], [0, 0]])


def test_rows_too_close_to_tell_are_learned_all_the_same():
    """The proof is beside the training, not before it: what float64 cannot decide stops nothing."""
    x = np.array([[0.1, 0.2], [np.nextafter(0.1, 1), 0.2]])
    unit = Perceptron(max_iter=5, inseparable="refuse", random_state=0).fit(x, [0, 1])
    assert unit.separability_[0].separable is None
    assert unit.bound_[0] == np.inf
    assert not unit.converged_
