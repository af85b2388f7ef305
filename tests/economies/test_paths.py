"""Simulations, moments and impulse responses against closed forms and plain NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from descend.economies import Chain, Economy, Normal, Share, parameter, plots
from descend.economies import paths as paths_module
from descend.errors import DataError, DescendError

ALPHA, BETA, RHO, SIGMA = 0.36, 0.9, 0.95, 0.01
MOVES = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6]])
VALUES = np.array([0.0, 1.0, 3.0])
CORRELATION = np.array([[1.0, 0.5], [0.5, 1.0]])
STD = np.array([0.1, 0.2])


@dataclass(frozen=True)
class Plain(Economy):
    """Something of every kind, whose paths do not depend on its policy."""

    growth: float = parameter(1.0, above=0)

    def states(self):
        return {"k": (0.5, 2.0), "a": (-5 * STD, 5 * STD)}

    def shocks(self):
        z = Chain({"x": jnp.asarray(VALUES), "double": 2 * jnp.asarray(VALUES)}, MOVES)
        return {"e": Normal(STD, CORRELATION), "z": z}

    def policies(self):
        return {"share": Share()}

    def transition(self, now, policy, shock):
        return {"k": self.growth * now.k**0.5, "a": 0.5 * now.a + shock.e}

    def conditions(self, now, policy, E):
        return {"half": policy.share - 0.5}

    def definitions(self, now, policy):
        return {"twice": 2 * now.a}


@pytest.fixture(scope="module")
def plain(unsolved):
    return unsolved(Plain())


# -- Brock and Mirman: everything is known --------------------------------------------------------


def closed_form(a, first):
    """k' = alpha beta e^a k^alpha along given productivity, (paths, periods)."""
    k = np.empty_like(a)
    k[:, 0] = first
    for t in range(a.shape[1] - 1):
        k[:, t + 1] = ALPHA * BETA * np.exp(a[:, t]) * k[:, t] ** ALPHA
    return k


def test_capital_follows_the_closed_form_along_every_path(brock_mirman):
    paths = brock_mirman.simulate(200, 8)
    a, k = paths.states["a"], paths.states["k"]
    assert a.shape == k.shape == (8, 200)
    assert paths.set_back == 0
    # the saving rate is right to 1e-4 relative, which adds up to 1e-4 / (1 - alpha) in k
    np.testing.assert_allclose(k, closed_form(a, k[:, 0]), rtol=3e-4)
    output = np.exp(a) * k**ALPHA
    np.testing.assert_allclose(paths.definitions["output"], output, rtol=1e-12)
    saved = paths.policies["saving"] * output
    np.testing.assert_allclose(paths.definitions["consumption"], output - saved, rtol=1e-12)


def test_moments_are_those_of_a_simulation_in_numpy(brock_mirman):
    rng = np.random.default_rng(0)
    a = np.zeros((60, 1200))
    for t in range(1199):
        a[:, t + 1] = RHO * a[:, t] + SIGMA * rng.standard_normal(60)
    k = closed_form(a, (ALPHA * BETA) ** (1 / (1 - ALPHA)))[:, 200:]
    a = a[:, 200:]
    found = brock_mirman.moments(periods=1000, paths=60)
    # 60,000 periods of autocorrelation .95 are worth 1,500 independent ones: standard errors are
    # 2.6 % of a deviation for a mean and about 2 % for a deviation; four of them
    for name, x in (("a", a), ("k", k)):
        row = found.loc[name]
        assert abs(row["mean"] - x.mean()) < 0.15 * x.std()
        assert row["std"] == pytest.approx(x.std(), rel=0.1)
        away = x - x.mean()
        lagged = np.mean(away[:, 1:] * away[:, :-1]) / x.var()
        assert row["autocorrelation"] == pytest.approx(lagged, abs=0.01)
    assert found.loc["a", "std"] == pytest.approx(SIGMA / (1 - RHO**2) ** 0.5, rel=0.1)


def test_the_response_is_the_exact_one(brock_mirman):
    """log k' = log(alpha beta) + a + alpha log k: the ratio of a pair is the same for all pairs."""
    size, periods = 2.0, 30
    log_k, log_a = np.zeros(periods), size * SIGMA * RHO ** np.arange(periods)
    for t in range(periods - 1):
        log_k[t + 1] = log_a[t] + ALPHA * log_k[t]
    found = brock_mirman.impulse_response("e", size, periods, paths=50)
    assert list(found.index) == list(range(1, periods + 1))
    np.testing.assert_allclose(found["absolute"]["a"], log_a, rtol=1e-9)
    # in percent; of two saving rates right to 1e-4 relative, what they have in common drops out
    np.testing.assert_allclose(found["percent"]["k"], 100 * np.expm1(log_k), atol=0.01)
    output = log_a + ALPHA * log_k
    np.testing.assert_allclose(found["percent"]["output"], 100 * np.expm1(output), atol=0.01)
    assert found["percent"]["a"].isna().all()  # it is negative at times
    assert found.attrs["left out"] == 0


# -- shocks of every kind -------------------------------------------------------------------------


def test_one_shock_of_a_vector_moves_the_others_by_their_correlation(plain):
    found = plain.impulse_response("e_2", 2.0, 4, paths=4)["absolute"]
    by_hand = 2 * STD * CORRELATION[:, 1]
    for i, expected in enumerate(by_hand):
        np.testing.assert_allclose(found[f"a_{i + 1}"], expected * 0.5 ** np.arange(4), rtol=1e-9)
    np.testing.assert_allclose(found["twice_1"], 2 * found["a_1"], rtol=1e-12)


def test_a_vector_of_sizes_moves_each_by_its_own(plain):
    found = plain.impulse_response("e", [1.0, 0.0], 4, paths=4)["absolute"]
    np.testing.assert_allclose(found["a_1"], [0.1, 0.05, 0.025, 0.0125], rtol=1e-9)
    np.testing.assert_allclose(found["a_2"], 0, atol=1e-15)


def test_a_chain_is_put_in_a_position_and_goes_on_from_there(plain):
    count = 4000
    found = plain.impulse_response("z", 2, 4, start={"z": 0}, paths=count)["absolute"]
    power = np.linalg.matrix_power
    exact = [(power(MOVES, t)[2] - power(MOVES, t + 1)[0]) @ VALUES for t in range(4)]
    # a difference of two values between 0 and 3 deviates by at most 3; five standard errors
    np.testing.assert_allclose(found["z.x"], exact, atol=5 * 1.5 / count**0.5)
    np.testing.assert_allclose(found["z.double"], 2 * found["z.x"], rtol=1e-12)
    assert (found["k"].abs() < 1e-15).all()


def test_a_chain_stays_as_long_as_its_matrix_says(plain):
    paths = plain.simulate(1500, 4)
    z = paths.chains["z"]
    np.testing.assert_array_equal(paths.values["z.x"], VALUES[z])
    seen = np.zeros((3, 3))
    np.add.at(seen, (z[:, :-1].ravel(), z[:, 1:].ravel()), 1)
    np.testing.assert_allclose(seen / seen.sum(1, keepdims=True), MOVES, atol=0.06)


# -- where paths begin, and what is lost ----------------------------------------------------------


def test_a_start_is_the_first_period(plain):
    paths = plain.simulate(2, 3, start={"k": [0.6, 1.0, 1.4], "z": 1})
    np.testing.assert_array_equal(paths.states["k"][:, 0], [0.6, 1.0, 1.4])
    np.testing.assert_allclose(paths.states["k"][:, 1], np.sqrt([0.6, 1.0, 1.4]), rtol=1e-12)
    assert (paths.chains["z"][:, 0] == 1).all()
    later = plain.simulate(1, 3, start={"k": [0.6, 1.0, 1.4], "z": 1}, burn=1)
    np.testing.assert_array_equal(later.states["k"][:, 0], paths.states["k"][:, 1])


def test_paths_that_are_set_back_are_counted(unsolved):
    explosive = unsolved(Plain(growth=10.0))
    paths = explosive.simulate(5, 3, burn=2)
    assert paths.set_back == 5 * 3  # 10 sqrt(1.25) is far outside: every period begins anew
    assert (paths.states["k"] == 1.25).all()
    with pytest.raises(DescendError, match="drives every path far out"):
        explosive.impulse_response("e_1", periods=3, paths=3)


def test_a_parameter_that_is_a_state_stays(unsolved):
    over = unsolved(Plain(), {"growth": (0.9, 1.1)})
    paths = over.simulate(300, 2, start={"growth": [0.95, 1.05]})
    np.testing.assert_array_equal(paths.states["growth"][:, -1], [0.95, 1.05])
    np.testing.assert_allclose(paths.states["k"][:, -1], np.array([0.95, 1.05]) ** 2, rtol=1e-9)


def test_the_same_seed_gives_the_same_paths(plain):
    one, same, other = (plain.simulate(20, 2, seed=s).states["a"] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()


# -- tables ---------------------------------------------------------------------------------------


def test_a_frame_has_a_row_a_path_and_period(plain):
    paths = plain.simulate(20, 2)
    frame = paths.to_frame()
    names = ["z", "k", "a_1", "a_2", "z.x", "z.double", "share", "twice_1", "twice_2"]
    assert sorted(frame.columns) == sorted(names)
    assert frame.index.names == ["path", "period"]
    assert frame.loc[(2, 13), "a_2"] == paths.states["a"][1, 12, 1]
    # a row of it is a state that the solution can be asked at
    again = plain.policy(frame[["k", "a_1", "a_2", "z"]])
    np.testing.assert_allclose(again["share"], frame["share"])


def test_what_never_moves_has_no_autocorrelation(plain):
    found = plain.simulate(20, 2).moments()
    assert np.isnan(found.loc["share", "autocorrelation"])
    assert found.loc["share", "mean"] == 0.5
    assert isinstance(found, pd.DataFrame)


def test_an_autocorrelation_is_at_most_one():
    """A line that rises for ever, in short: means over T - 1 and T periods must not be mixed."""
    for x in (np.arange(4.0)[None], np.array([[-5.0, 5.0, 5.0, 0.0]]), np.array([[1.0, 2.0]])):
        found = paths_module._moments(x)[2]
        a, b = x[:, 1:] - x.mean(), x[:, :-1] - x.mean()
        assert found == pytest.approx((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))
        assert -1 <= found <= 1


def test_what_is_made_of_an_unsolved_economy_says_so(plain, unsolved):
    """Tables in their corner, pictures below, a comparison in its second line; else nothing."""
    lost = unsolved(Plain(), far=0.9)
    for solution, corner in ((lost, "NOT solved"), (plain, None)):
        paths = solution.simulate(20, 2)
        moments, response = paths.moments(), solution.impulse_response("z", 1, 4, paths=4)
        assert moments.columns.name == response.columns.names[0] == corner
        assert moments.attrs["verdict"] == response.attrs["verdict"] == solution.status
        made = solution.compare(lambda states: {"share": np.full(len(states["k"]), 0.5)}, points=50)
        assert str(made).startswith("Plain beside a function\n")
        assert ("NOT solved: not stable" in str(made)) is (corner is not None)
        for figure in (plots.plot_paths(paths), plots.plot_response(response), made.plot()):
            below = figure.get_supxlabel()
            assert below.startswith("NOT solved: not stable") if corner else below == ""
        assert len(repr(solution)) < 400
        assert repr(solution).startswith("<Solution of Plain(growth=1.0): ")


MISTAKES = [
    (lambda s: s.simulate(0), "periods must be a whole number >= 1"),
    (lambda s: s.simulate(3, 0), "paths must be"),
    (lambda s: s.simulate(3, burn=-1), "burn must be"),
    (lambda s: s.simulate(3, seed="a"), "seed must be a whole number >= 0, got 'a'"),
    (lambda s: s.impulse_response("e", seed=-1), "seed must be a whole number >= 0"),
    (lambda s: s.compare(lambda states: states, points=0), "points must be a whole number >= 1"),
    (lambda s: s.policy(3), "states are given by name"),
    (lambda s: s.simulate(3, start=[1.0]), "states are given by name"),
    (lambda s: s.simulate(3, start={"q": 1.0}), "unknown state 'q'"),
    (lambda s: s.simulate(3, 2, start={"k": [1.0, 1.0, 1.0]}), "'k' has 3 rows"),
    (lambda s: s.simulate(3, start={"k": np.nan}), "finite"),
    (lambda s: s.simulate(3, start={"z": 3}), "from 0 to 2"),
    (lambda s: s.impulse_response("ee"), "Did you mean 'e'"),
    (lambda s: s.impulse_response("z", 3), "from 0 to 2; got 3"),
    (lambda s: s.impulse_response("z", 1.5), "a whole number"),
    (lambda s: s.impulse_response("e", [1.0, 2.0, 3.0]), "a vector of 2"),
    (lambda s: s.impulse_response("e_1", np.inf), "number of standard deviations"),
]


@pytest.mark.parametrize(("wrong", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake_says_what_was_expected(wrong, said, plain):
    with pytest.raises((DataError, DescendError), match=said):
        wrong(plain)
